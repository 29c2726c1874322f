"""Waiting for a page that its own policy keeps Playwright from asking."""


def wait_until(page, condition):
    """Ask until a condition holds."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never: {condition}")
