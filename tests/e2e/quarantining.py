"""What the tests of quarantine share."""
import json

import jsonschema

import containing
import world
from containing import ADDRESS, LIGHT, NAME, NETWORK, SUBNET
from world import docker, remove

MARKED = f"{NAME}-quarantined"


class Quarantine(containing.Contain):
    def tearDown(self):
        remove(MARKED)
        super().tearDown()

    def schema(self, document):
        name = document["schema"].replace("/", "-")
        jsonschema.validate(document, json.loads((world.TOP / f"docs/schema/{name}.json").read_text()))
        if "capture" in document:
            jsonschema.validate(document["capture"], json.loads((world.TOP / "docs/schema/kanshiki.capture-1.json").read_text()))

    def run_it(self, *flags, name=NAME, url=None, home=None, json_too=True, yes=True, **more):
        words = ["-H", url or world.engine().url, "--home", home or self.home, *(["--json"] if json_too else []), "quarantine",
                 *(["--yes"] if yes else []), *flags, name]
        return world.kanshiki(*words, **more)

    def quarantine(self, *flags, status=0, **more):
        done = self.run_it(*LIGHT, *flags, **more)
        self.assertEqual(done.status, status, str(done))
        if done.out:
            self.schema(done.json)
            self.assertEqual(done.json["exit"], status)
        return done

    def acts(self, document):
        return [(a["do"], a["ok"]) for a in document["acts"]]

    def types(self):
        return [e["type"] if e["type"] != "act" else e["act"]["do"] for e in self.events()]

    def two_networks(self):
        docker("network", "create", "--subnet", SUBNET, NETWORK)
        self.container("--restart=on-failure:3")
        docker("network", "connect", "--ip", ADDRESS, "--alias", "db", NETWORK, NAME)
        return world.inspect(NAME)["NetworkSettings"]["Networks"]
