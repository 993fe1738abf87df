"""Names of the browser for the tests here; its fixtures stand in the conftest of all tests."""

from batch_platform_tests.chromium import (
    NARROW,
    WIDE,
    OpenPage,
    Watch,
    check_axe,
    in_both_widths,
    overflow,
    until,
    watch,
)

__all__ = ["NARROW", "WIDE", "OpenPage", "Watch", "check_axe", "in_both_widths", "overflow", "until", "watch"]
