"""A clock that jumps between the steps of a quarantine: what was done is known from the chain, and not from times."""
import pathlib

import quarantining
import world
from containing import LIGHT, NAME

DAY = 86400


@world.once
def library():
    place = world.new_directory("clock")
    world.sh("gcc", "-shared", "-fPIC", "-O1", "-o", place / "libclock.so", pathlib.Path(__file__).with_name("clock.c"), "-ldl")
    return place / "libclock.so"


class Clock(quarantining.Quarantine):
    def at(self, shift, *flags, status=0):
        """As quarantine() of the others, with the time of day shifted."""
        options = world.environment().get("ASAN_OPTIONS", "")
        env = world.environment(LD_PRELOAD=str(library()), KAN_TEST_CLOCK=str(shift), ASAN_OPTIONS=f"{options}:verify_asan_link_order=0")
        return self.quarantine(*flags, status=status, env=env).json

    def times(self):
        return [e["when"]["utc_ns"] for e in self.events()]

    def test_a_request_is_known_again_after_the_clock_was_put_back_and_after_it_was_put_forward(self):
        self.container()
        first = self.quarantine("--request-id", "r1").json
        for shift in (-2 * DAY, 400 * DAY):
            with self.subTest(shift):
                again = self.at(shift, "--request-id", "r1")
                self.assertEqual((again["repeated"], again["evidence"]["seal"]), (True, first["evidence"]["seal"]))
        self.assertEqual(len(list(self.home.glob("bundles/*"))), 1)
        self.stands_still()

    def test_what_is_done_by_a_clock_that_was_put_back_goes_on_from_the_same_chain_and_verifies(self):
        self.container()
        self.quarantine()
        undone = self.at(-2 * DAY, "--undo")
        self.assertEqual([(a["do"], a["ok"]) for a in undone["acts"]], [("connect", True), ("resume", True)])
        self.runs()
        times = self.times()
        self.assertLess(times[-1], times[0])      # the clock was put back, as far as the chain is concerned
        second = self.at(-2 * DAY)
        self.assertFalse(second["repeated"])
        self.stands_still()
        # By its name it is the older one: what is in force is told by the chain, not by names.
        self.assertEqual(pathlib.Path(second["evidence"]["bundle"]).name, min(p.name for p in self.home.glob("bundles/*")))
        again = self.quarantine().json
        self.assertEqual((again["repeated"], again["evidence"]["seal"]), (True, second["evidence"]["seal"]))
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)
        self.quarantine("--undo")
        self.runs()

    def test_a_clock_that_jumps_between_the_acts_of_one_request_loses_none_of_them(self):
        self.container()
        self.quarantine("--request-id", "r1", "--action", "pause")
        more = self.at(-DAY, "--request-id", "r1", "--action", "pause,disconnect")
        self.assertEqual([(a["do"], a["ok"]) for a in more["acts"]], [("pause", True), ("disconnect", True)])
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})
        document = self.run_it("--request-id", "r1", "--action", "pause,disconnect", *LIGHT).json
        self.assertEqual([a["before_this_run"] for a in document["acts"]], [True, True])
