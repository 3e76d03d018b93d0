"""What the tests in a browser share: Chromium, and the demonstration server.

They need Debian's packages ``chromium`` and ``chromium-driver``. Without them the tests are
skipped, or fail if ``TORNADO_WS_REQUIRE_ALL`` is set.
"""
from __future__ import absolute_import, division, print_function

import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

DEADLINE = 60  # seconds after which what does not happen has failed
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1240,900",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Give a browser with a profile of its own."""
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        if os.environ.get("TORNADO_WS_REQUIRE_ALL"):
            pytest.fail("chromium and chromedriver are not both in PATH")
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    # The driver is at 127.0.0.1, which a proxy would take for itself.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in FLAGS + ["--user-data-dir=%s" % tmp_path_factory.mktemp("profile")]:
        options.add_argument(flag)
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(programs[1]))
    yield driver
    driver.quit()


class Panel(object):
    """A part of the page: ``echo`` or ``chat``."""

    def __init__(self, browser, name):
        self.browser = browser
        self.name = name

    def find(self, selector):
        """Return the first element for a CSS selector."""
        return self.browser.find_element(By.CSS_SELECTOR, "#%s %s" % (self.name, selector))

    def text(self, selector):
        """Return the text of the first element for a CSS selector."""
        return self.find(selector).text

    def lines(self):
        """Return the log: a list of tuples of an arrow, a text, and a remark."""
        rows = self.browser.execute_script(
            "return Array.from(document.querySelectorAll(arguments[0]),"
            " line => Array.from(line.children, part => part.textContent))",
            "#%s li" % self.name)
        return [tuple(row[1:]) for row in rows]

    def wait(self, condition):
        """Wait until ``condition()`` is true, and return its value."""
        return WebDriverWait(self.browser, DEADLINE, 0.05).until(
            lambda browser: condition(), "%s: %s" % (self.name, self.lines()))

    def wait_for_state(self, state):
        """Wait until the panel shows a state: ``open``, ``connecting`` or ``closed``."""
        self.wait(lambda: self.text(".state") == state)

    def wait_for_line(self, arrow, text, remark=""):
        """Wait for a line of the log; texts are regular expressions for the whole of them.

        Returns:
            The remark.
        """
        return self.wait(lambda: [
            line[2] or "-" for line in self.lines()
            if line[0] == arrow and re.match("(?:%s)\\Z" % text, line[1])
            and re.match("(?:%s)\\Z" % remark, line[2])])[0]

    def say(self, text, kind="text"):
        """Type a message and send it."""
        if self.name == "echo":  # the chat takes text only
            self.find("option:nth-child(%d)" % ["", "text", "hex"].index(kind)).click()
        field = self.find(".message input")
        field.clear()
        field.send_keys(text)
        self.find(".message button").click()

    def have_closed(self, code, reason):
        """Have the server close the connection."""
        for selector, value in ((".code", code), (".reason", reason)):
            self.find(selector).clear()
            self.find(selector).send_keys(value)
        self.find(".tools button:last-child").click()


class Server(object):
    """``python -m tornado_ws serve``."""

    def __init__(self, directory, args=(), port=0):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tornado_ws", "serve", "--port", str(port)] + list(args),
            cwd=str(directory), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._timer = threading.Timer(2 * DEADLINE, self.process.kill)
        self._timer.start()
        line = self.process.stdout.readline().decode("ascii")
        self.url = re.match("Serving on (.*) \\(", line).group(1)
        self.port = int(self.url.split(":")[2].strip("/"))

    def stop(self):
        """End it as Ctrl-C does; return its exit status and what it said at the end."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate()
        return self.process.returncode, (out + err).decode("ascii")

    def clean_up(self):
        """End it if it still runs."""
        self._timer.cancel()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
