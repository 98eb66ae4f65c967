"""Truelift: the self-hosted operating system for conversion-rate optimisation."""

from __future__ import annotations


__version__ = "0.1.0"
