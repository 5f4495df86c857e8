"""The chat of a call between two real browsers: both ways, through a reload, and to who may read it afterwards."""

from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Admin, Agent, Customer, chromium

HOSTILE = "<img src=x onerror=window.hit=1> https://shop.example/a"


async def test_customer_and_agent_write_to_each_other(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """In one order on both pages; a reload keeps it; nothing of it is markup, and nothing of it is in the log."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
        chromium(playwright) as admins,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await expect(customer.frame.locator("[data-action=chat]")).to_have_count(0)
        await alex.accept()

        await customer.frame.locator("[data-action=chat]").click()
        field = customer.frame.locator("vv-chat textarea")
        await expect(field).to_be_focused()
        await field.press_sequentially("Hello")
        await field.press("Shift+Enter")
        await field.press_sequentially("are you there?")
        await field.press("Enter")
        theirs = customer.frame.locator("vv-chat [data-line] .text")
        await expect(theirs).to_have_text(["Hello\nare you there?"])
        badge = alex.page.locator("[data-action=chat]")
        await expect(badge).to_have_accessible_name("Chat: 1 new message")

        await alex.page.keyboard.press("Alt+C")
        await expect(alex.page.locator("vv-chat textarea")).to_be_focused()
        await alex.page.keyboard.type(HOSTILE)
        await alex.page.keyboard.press("Enter")
        both = ["Hello\nare you there?", HOSTILE]
        await expect(theirs).to_have_text(both)
        link = customer.frame.locator("vv-chat a")
        await expect(link).to_have_attribute("href", "https://shop.example/a")
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        assert await customer.page.frames[-1].evaluate("window.hit") is None
        await alex.page.keyboard.press("Escape")
        await expect(badge).to_be_focused()
        await field.fill("half a")
        await field.press("Escape")
        await customer.frame.locator("[data-action=chat]").click()
        await expect(field).to_have_value("half a")

        await customer.page.reload()
        await expect(theirs).to_have_text(both)
        await field.fill("back again")
        await field.press("Enter")
        await expect(theirs).to_have_text([*both, "back again"])
        await expect(badge).to_have_accessible_name("Chat: 1 new message")

        await customer.hang_up()
        await alex.is_in_state("working_after_call")
        await expect(alex.page.locator("vv-chat [data-line] .text")).to_have_text([*both, "back again"])
        await expect(alex.page.locator("vv-chat textarea")).to_have_count(0)
        await alex.wrap_up("resolved")
        await alex.is_in_state("ready")

        admin = await Admin.sign_in(admins, demo.links["robin"])
        await admin.open_newest_contact()
        await expect(admin.page.locator("vv-contact .chat .text")).to_have_text([*both, "back again"])
        contact_id = admin.page.url.rpartition("/")[2]
        answer = await admin.page.request.get(f"{demo.url}/api/v1/contacts/{contact_id}")
        found = await answer.json()
        assert [(line["by"], line["name"]) for line in found["chat"]] == [
            ("customer", "Ada Lovelace"),
            ("agent", "Alex Martin"),
            ("customer", "Ada Lovelace"),
        ]
        assert "back again" not in str(found["journal"])
        for written in ("stdout", "stderr"):
            assert "back again" not in (demo.product.folder / written).read_text(encoding="utf-8")
