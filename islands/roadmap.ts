/** What the timeline of the roadmap adds to its page: moving bars by pointer and by keys. */
import {RoadMap} from './road-map/RoadMap.js';

customElements.define('road-map', RoadMap);
