"""Django settings, urls and base templates: the web application composed."""

from __future__ import annotations
