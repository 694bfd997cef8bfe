"""Ways of a user through the console: by mouse, or by keyboard alone, without scripts that set the focus."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

MOST_STOPS = 120  # presses of Tab until a control is reached


@dataclass
class Hands:
    """A user who works with the mouse, or with the keyboard alone."""

    page: Page
    by: str  # "mouse" or "keyboard"

    def press(self, control: Locator) -> None:
        """Press a button or link."""
        expect(control.first).to_be_visible()
        if self.by == "mouse":
            control.first.click()
        else:
            self.reach(control)
            self.page.keyboard.press("Enter")

    def type_into(self, field: Locator, words: str) -> None:
        """Type into a field."""
        if self.by == "mouse":
            field.first.click()
        else:
            self.reach(field)
        self.page.keyboard.type(words)

    def choose(self, menu: Locator, name: str) -> None:
        """Open a menu and choose an entry."""
        self.press(menu)
        entry = self.page.get_by_role("menuitem", name=name)
        expect(entry.first).to_be_visible()
        if self.by == "mouse":
            entry.first.click()
            return
        self.reach(entry, "ArrowDown")
        self.page.keyboard.press("Enter")

    def check(self, box: Locator) -> None:
        """Check a box."""
        if self.by == "mouse":
            box.first.check()
        else:
            self.reach(box)
            self.page.keyboard.press("Space")

    def select(self, field: Locator, label: str) -> None:
        """Choose an option of a list: by keyboard, its first letters."""
        if self.by == "mouse":
            field.first.select_option(label)
        else:
            self.reach(field)
            self.page.keyboard.type(label)

    def open_tab(self, name: str) -> None:
        """Open a section: by keyboard, with the arrow keys from the open one."""
        tab = self.page.get_by_role("tab", name=name)
        if self.by == "mouse":
            tab.click()
            return
        self.reach(self.page.get_by_role("tab", selected=True))
        self.reach(tab, "ArrowRight")

    def reach(self, control: Locator, key: str = "Tab") -> None:
        """Press a key until the control has the focus."""
        expect(control.first).to_be_visible()
        for _ in range(MOST_STOPS):
            if self._has_focus(control):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{key} does not reach {control}")

    @staticmethod
    def _has_focus(control: Locator) -> bool:
        return bool(control.first.evaluate("one => one === document.activeElement"))
