"""What a message costs where none of section 12's additions is used."""
from __future__ import absolute_import, division, print_function

import sys

from both_roles import BothRolesCase, both_roles
from peers import async_test, turns, with_rows

MAX_CALLS = 10  # of the package's functions, for one message and its answer
MASKING = ("mask_bytes", "_xor_table")  # where Tornado has no C extension
NOT_COUNTED = ("tornado_ws._compat.", "tornado_ws._sansio.utf8")  # more of them on old Pythons


@with_rows
class CostTest(BothRolesCase):
    """Section 12: a program that uses none of it notices nothing."""

    @both_roles()
    @async_test
    def test_calls_for_one_message(self, side):
        """Section 12: a short message and its answer take the function calls that they need.

        More is a cost for everybody; fewer are a reason to lower the number.
        """
        peer = yield self.open_side(side)
        self.end.on_message = lambda message: self.end.write_message(message) and None
        delivery = self.protocol._delivery
        peer.send(self.frame(0x81, b"warm"))
        yield peer.read_frame()
        yield turns(5)
        called = []

        def profile(frame, event, argument):
            module = frame.f_globals["__name__"]
            if (event == "call" and module.startswith("tornado_ws.")
                    and not module.startswith(NOT_COUNTED)
                    and frame.f_code.co_name not in MASKING):
                called.append(frame.f_code.co_name)

        data = self.frame(0x81, b"once")
        sys.setprofile(profile)
        try:
            delivery.receive(data)
        finally:
            sys.setprofile(None)
        self.assertEqual((yield peer.read_frame()).payload, b"once")
        self.assertLessEqual(len(called), MAX_CALLS, called)
