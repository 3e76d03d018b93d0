"""The page of ``examples/chat`` in a browser."""
from __future__ import absolute_import, division, print_function

import asyncio

import pytest
from chat_case import DEADLINE, Member, make_redis, make_server, members, require, run

webdriver = pytest.importorskip("selenium.webdriver")


@pytest.fixture
def browser():
    """A Chromium without a window."""
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = require("chromium")
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Service(require("chromedriver")))
    driver.set_script_timeout(DEADLINE)
    yield driver
    driver.quit()


def lines(browser, which):
    """Return the texts of a list of the page."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#%s li')].map(line => line.textContent)" % which)


def wait(browser, condition):
    """Wait until an expression of JavaScript is true in the page."""
    browser.execute_async_script("""
        const done = arguments[0];
        const look = () => (%s) ? done() : setTimeout(look, 20);
        look();""" % condition)


def say(browser, text):
    """Type a message and send it."""
    browser.find_element("id", "text").send_keys(text + "\n")


def test_the_page_loses_nothing_when_its_process_is_killed(tmp_path, browser):
    """What was written meanwhile waits in the page, and what others said comes later."""
    redis_server, redis_url = make_redis(tmp_path)
    redis_server.start()
    (first, first_url), (second, second_url) = servers = [
        make_server(tmp_path, "--redis", redis_url) for _ in range(2)]
    try:
        for process, _ in servers:
            process.start()
        browser.get(first_url.replace("ws:", "http:").replace("/chat", "/"))
        wait(browser, "state.textContent === 'connected'")
        say(browser, "before")
        wait(browser, "messages.children.length === 1 && waiting.hidden")
        first.kill()
        wait(browser, "state.textContent !== 'connected'")
        say(browser, "meanwhile")
        assert lines(browser, "waiting") == ["meanwhile"]
        run(say_elsewhere(second_url))
        first.start()
        wait(browser, "messages.children.length === 3 && waiting.hidden")
        assert lines(browser, "messages") == ["guest: before", "Ann: elsewhere", "guest: meanwhile"]
    finally:
        for process in (first, second, redis_server):
            process.kill()


async def say_elsewhere(url):
    """Send a message through another process."""
    ann = Member("Ann", url)
    async with members(ann):
        await asyncio.wait_for(ann.say("elsewhere"), DEADLINE)


def test_texts_are_shown_as_texts(tmp_path, browser):
    """Whoever writes HTML writes no page."""
    process, url = make_server(tmp_path)
    process.start()
    try:
        browser.get(url.replace("ws:", "http:").replace("/chat", "/"))
        say(browser, "<b>bold</b>")
        wait(browser, "messages.children.length === 1")
        assert lines(browser, "messages") == ["guest: <b>bold</b>"]
    finally:
        process.kill()
