"""Tests that open the page in a real browser, headless Chromium; they skip where there is none."""
