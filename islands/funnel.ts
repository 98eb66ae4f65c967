/** What the funnel's form uses: adding, removing and moving its steps. */
import {FunnelSteps} from './funnel-steps/FunnelSteps.js';

customElements.define('funnel-steps', FunnelSteps);
