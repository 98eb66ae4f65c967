/** What an explorer uses: progress and cancel, a picture of a drawing, lists of inputs. */
import {AskProgress} from './ask-progress/AskProgress.js';
import {FunnelSteps} from './funnel-steps/FunnelSteps.js';
import {PngPicture} from './png-picture/PngPicture.js';

customElements.define('ask-progress', AskProgress);
customElements.define('funnel-steps', FunnelSteps);
customElements.define('png-picture', PngPicture);
