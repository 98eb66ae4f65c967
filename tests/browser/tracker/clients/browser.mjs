// The real @segment/analytics-next, bundled by the test and driven by the page.
import {AnalyticsBrowser} from '@segment/analytics-next';

window.loadAnalytics = (cdnURL, writeKey, options) => {
  window.analytics = AnalyticsBrowser.load({writeKey, cdnURL}, options);
};
