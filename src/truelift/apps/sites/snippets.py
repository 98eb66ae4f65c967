"""What a site puts into its pages, tag manager or servers so that events come in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Way(StrEnum):
    """The ways by which events reach a site."""

    PAGES = "pages"
    TAG_MANAGER = "tag-manager"
    SEGMENT = "segment"
    SERVER = "server"
    TEST_TOOL = "test-tool"


LABELS: Final = {
    Way.PAGES: "Shop or site builder",
    Way.TAG_MANAGER: "Tag manager",
    Way.SEGMENT: "Segment",
    Way.SERVER: "Server",
    Way.TEST_TOOL: "Another test tool",
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece to copy.

    Attributes:
        id: Where the copy button finds it.
        heading: What it does.
        where: Where it goes.
        text: What is copied.
    """

    id: str
    heading: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything for one way, in the order of doing.

    Attributes:
        says: One sentence before the pieces.
        snippets: The pieces to copy.
        needs_policy: Pages load a script, so a content security policy must allow it.
    """

    says: str
    snippets: tuple[Snippet, ...]
    needs_policy: bool


def recipe(way: Way, *, origin: str, key: str, currency: str) -> Recipe:
    """Write out how events come in by one way.

    Args:
        way: The way.
        origin: How visitors reach this server, without a slash at the end.
        key: The site's public key.
        currency: The site's, for examples.
    """
    match way:
        case Way.PAGES:
            return Recipe(
                "Page views are counted by themselves, also when your pages change without"
                " loading. Orders need the second piece.",
                (
                    Snippet(
                        "snippet-tracker",
                        "Count visits",
                        "Into the head of every page. In Shopify: Online store, Themes, Edit code,"
                        " theme.liquid. In WordPress: the header code of your theme. In Wix,"
                        " Squarespace and Webflow: Custom code, Head.",
                        _tracker(origin, key),
                    ),
                    Snippet(
                        "snippet-purchase",
                        "Report an order",
                        "On the page that thanks for the order, with the order’s own figures."
                        " Loading the page again does not count the order again.",
                        _purchase(currency),
                    ),
                ),
                needs_policy=True,
            )
        case Way.TAG_MANAGER:
            return Recipe(
                "One tag loads the tracker, a second one passes your shop’s orders on.",
                (
                    Snippet(
                        "snippet-tag",
                        "Custom HTML tag, trigger “All pages”",
                        "A tag manager removes unknown attributes of a script, so this tag"
                        " builds the element itself.",
                        _tag(origin, key),
                    ),
                    Snippet(
                        "snippet-data-layer",
                        "Custom HTML tag, trigger “purchase”",
                        "Reads the e-commerce event that your shop already pushes for Google"
                        " Analytics.",
                        _data_layer_purchase(),
                    ),
                ),
                needs_policy=True,
            )
        case Way.SEGMENT:
            return Recipe(
                "Truelift speaks Segment’s protocol: your existing calls stay as they are.",
                (
                    Snippet(
                        "snippet-destination",
                        "Add the destination “Webhooks (Actions)” and copy this into it",
                        "One mapping per type of call. Deliveries that fail are repeated by"
                        " Segment, and repeats are recognised here by their messageId.",
                        _segment_webhook(origin, key),
                    ),
                    Snippet(
                        "snippet-analytics-js",
                        "Or send from analytics.js straight to here",
                        "In place of the call of AnalyticsBrowser.load that you have.",
                        _analytics_js(origin, key),
                    ),
                ),
                needs_policy=False,
            )
        case Way.SERVER:
            return Recipe(
                "A server uses the secret key: what it sends is trusted, so money can be made to"
                " count from it alone. Make one under Settings; it is shown once.",
                (
                    Snippet(
                        "snippet-curl",
                        "Try it from a terminal",
                        "Replace SECRET_KEY.",
                        _curl(origin, currency),
                    ),
                    Snippet(
                        "snippet-python",
                        "Python, with Segment’s own library",
                        "pip install segment-analytics-python",
                        _python(origin, currency),
                    ),
                    Snippet(
                        "snippet-node",
                        "Node.js, with Segment’s own library",
                        "npm install @segment/analytics-node",
                        _node(origin, currency),
                    ),
                ),
                needs_policy=False,
            )
        case Way.TEST_TOOL:
            return Recipe(
                "Keep your test tool. It only has to say who saw which variant; the events it"
                " sends are matched by exposure rules, most of which are built in.",
                (
                    Snippet(
                        "snippet-growthbook",
                        "GrowthBook, or any tool with a callback",
                        "Beside the tracker, which the first piece of “Shop or site builder”"
                        " puts on your pages.",
                        _exposure_callback(),
                    ),
                    Snippet(
                        "snippet-impression",
                        "VWO, AB Tasty, Kameleoon, Optimizely, through the tag manager",
                        "Custom HTML tag, trigger “experience_impression”; these tools push that"
                        " event when their Google Analytics integration is on.",
                        _exposure_data_layer(),
                    ),
                ),
                needs_policy=True,
            )


def policy_lines(origin: str) -> str:
    """Give the lines that a content security policy needs for the tracker."""
    return f"script-src {origin};\nconnect-src {origin};"


def _tracker(origin: str, key: str) -> str:
    return f'<script async src="{origin}/t.js" data-key="{key}"></script>'


def _stub() -> str:
    return (
        "window.truelift = window.truelift ||"
        " function () { (truelift.q = truelift.q || []).push(arguments) };"
    )


def _purchase(currency: str) -> str:
    return f"""<script>
  {_stub()}
  (function (order) {{
    try {{
      if (localStorage.getItem('truelift.order') === order.order_id) return;
      localStorage.setItem('truelift.order', order.order_id);
    }} catch (storageDenied) {{}}
    truelift('track', 'purchase', order);
  }})({{
    order_id: '10042',
    value: 49.90,
    currency: '{currency}',
    tax: 7.97,
    shipping: 4.90
  }});
</script>"""


def _tag(origin: str, key: str) -> str:
    return f"""<script>
  (function () {{
    var script = document.createElement('script');
    script.async = true;
    script.src = '{origin}/t.js';
    script.setAttribute('data-key', '{key}');
    document.head.appendChild(script);
  }})();
</script>"""


def _data_layer_purchase() -> str:
    return f"""<script>
  {_stub()}
  (function () {{
    var order = {{{{DLV - ecommerce}}}};
    truelift('track', 'purchase', {{
      order_id: order.transaction_id,
      value: order.value,
      currency: order.currency,
      tax: order.tax,
      shipping: order.shipping
    }});
  }})();
</script>"""


def _segment_webhook(origin: str, key: str) -> str:
    return f"""Track     URL  {origin}/v1/track
Page      URL  {origin}/v1/page
Identify  URL  {origin}/v1/identify
Header    Authorization: Basic {_basic(key)}
Data      $event"""


def _basic(key: str) -> str:
    import base64

    return base64.b64encode(f"{key}:".encode()).decode()


def _analytics_js(origin: str, key: str) -> str:
    scheme, _, host = origin.partition("://")
    return f"""analytics = AnalyticsBrowser.load(
  {{ writeKey: '{key}', cdnURL: '{origin}' }},
  {{ integrations: {{ 'Segment.io': {{ apiHost: '{host}/v1', protocol: '{scheme}' }} }} }}
);"""


def _curl(origin: str, currency: str) -> str:
    return f"""curl {origin}/v1/track -u SECRET_KEY: -H 'Content-Type: application/json' -d '{{
  "userId": "customer-17",
  "event": "purchase",
  "messageId": "order-10042",
  "properties": {{ "order_id": "10042", "value": 49.90, "currency": "{currency}" }}
}}'"""


def _python(origin: str, currency: str) -> str:
    return f"""import segment.analytics as analytics

analytics.write_key = "SECRET_KEY"
analytics.host = "{origin}"
analytics.track(
    "customer-17",
    "purchase",
    {{"order_id": "10042", "value": 49.90, "currency": "{currency}"}},
)
analytics.flush()"""


def _node(origin: str, currency: str) -> str:
    return f"""import {{ Analytics }} from '@segment/analytics-node'

const analytics = new Analytics({{ writeKey: 'SECRET_KEY', host: '{origin}' }})
analytics.track({{
  userId: 'customer-17',
  event: 'purchase',
  properties: {{ order_id: '10042', value: 49.90, currency: '{currency}' }}
}})
await analytics.closeAndFlush()"""


def _exposure_callback() -> str:
    return f"""{_stub()}
const growthbook = new GrowthBook({{
  // …
  trackingCallback: (experiment, result) => truelift('track', 'Experiment Viewed', {{
    experiment_id: experiment.key,
    variation_id: result.key
  }})
}});"""


def _exposure_data_layer() -> str:
    return f"""<script>
  {_stub()}
  truelift('track', 'experience_impression', {{
    experience_id: {{{{DLV - exp_variant_string}}}}.split('-').slice(0, -1).join('-'),
    variant: {{{{DLV - exp_variant_string}}}}.split('-').pop()
  }});
</script>"""
