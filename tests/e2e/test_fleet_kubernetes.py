"""examples/fleet: the Kubernetes template and the stack by rules. No cluster runs here; each rule is shown to fail without what it asks for."""
import copy
import re
import unittest

import yaml

import world

FLEET = world.TOP / "examples/fleet"
JOB, POD, MAIN = ("spec",), ("spec", "template", "spec"), ("spec", "template", "spec", "containers", 0)
# Each field and what it must be. Left out, Kubernetes would take another value: retries, a token, a read-only view of less.
FIELDS = {
    "it is tried once": ((*JOB, "backoffLimit"), 0),
    "one pod is enough": ((*JOB, "completions"), 1),
    "one pod at a time": ((*JOB, "parallelism"), 1),
    "it does not hang for ever": ((*JOB, "activeDeadlineSeconds"), 3600),
    "it goes away by itself, after a day to read the log": ((*JOB, "ttlSecondsAfterFinished"), 86400),
    "the pod is not started again": ((*POD, "restartPolicy"), "Never"),
    "it runs on the named node": ((*POD, "nodeName"), "@NODE@"),
    "it runs on a tainted node": ((*POD, "tolerations"), [{"operator": "Exists"}]),
    "it has the time to resume and seal": ((*POD, "terminationGracePeriodSeconds"), 180),
    "it sees the host's processes": ((*POD, "hostPID"), True),
    "it has the node's network": ((*POD, "hostNetwork"), True),
    "it has no other's shared memory": ((*POD, "hostIPC"), False),
    "it asks the node's name servers": ((*POD, "dnsPolicy"), "Default"),
    "it holds no token of the cluster": ((*POD, "automountServiceAccountToken"), False),
    "the cluster's services are not in its environment": ((*POD, "enableServiceLinks"), False),
    "it is root": ((*POD, "securityContext", "runAsUser"), 0),
    "no call is filtered": ((*POD, "securityContext", "seccompProfile", "type"), "Unconfined"),
    "it may read the whole of /proc and the kernel's log": ((*MAIN, "securityContext", "privileged"), True),
    "its own files are not written": ((*MAIN, "securityContext", "readOnlyRootFilesystem"), True),
    "it runs the node's script": ((*MAIN, "command"), ["/fleet/node"]),
    "an image that is there is not fetched": ((*MAIN, "imagePullPolicy"), "IfNotPresent"),
    "it has a share of memory": ((*MAIN, "resources", "requests", "memory"), "256Mi"),
    "its memory has an end": ((*MAIN, "resources", "limits", "memory"), "2Gi"),
}


def documents():
    return list(yaml.safe_load_all((FLEET / "kubernetes/job.yaml").read_text()))


def job():
    return next(d for d in documents() if d["kind"] == "Job")


def at(document, path):
    """The value there, or None where nothing is."""
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def broken(document):
    return [name for name, (path, wanted) in FIELDS.items() if at(document, path) != wanted or isinstance(at(document, path), bool) != isinstance(wanted, bool)]


class Kubernetes(unittest.TestCase):
    def setUp(self):
        self.job = job()
        self.pod, self.main = at(self.job, POD), at(self.job, MAIN)

    def test_every_field_that_would_default_badly_is_set(self):
        self.assertEqual(broken(self.job), [])

    def test_each_rule_fails_when_its_field_is_left_out(self):
        for name, (path, _) in FIELDS.items():
            with self.subTest(name):
                spoilt = copy.deepcopy(self.job)
                at(spoilt, path[:-1]).pop(path[-1])
                self.assertEqual(broken(spoilt), [name])

    def test_it_takes_four_things_of_the_host_and_each_must_be_what_it_is_called(self):
        paths = {v["hostPath"]["path"]: v["hostPath"]["type"] for v in self.pod["volumes"] if "hostPath" in v}
        self.assertEqual(paths, {"/var/run/docker.sock": "Socket", "/var/lib/kanshiki": "DirectoryOrCreate", "/sys": "Directory",
                                 "/sys/fs/cgroup": "Directory"})

    def test_every_volume_is_mounted_once_and_every_mount_has_a_volume(self):
        mounts = [m["name"] for m in self.main["volumeMounts"]]
        self.assertEqual(sorted(mounts), sorted(v["name"] for v in self.pod["volumes"]))
        self.assertEqual(len(set(mounts)), len(mounts))

    def test_only_the_home_the_cgroups_and_memory_are_written_to(self):
        writable = {m["mountPath"] for m in self.main["volumeMounts"] if m.get("readOnly") is not True}
        self.assertEqual(writable, {"/run/engine.sock", "/var/lib/kanshiki", "/sys/fs/cgroup", "/tmp"})
        [tmp] = [v["emptyDir"] for v in self.pod["volumes"] if v["name"] == "tmp"]
        self.assertEqual(tmp["medium"], "Memory")

    def test_the_secret_is_for_root_alone_and_may_be_missing(self):
        [secret] = [v["secret"] for v in self.pod["volumes"] if "secret" in v]
        self.assertEqual((secret["defaultMode"], secret["optional"]), (0o400, True))
        self.assertNotIn("secretKeyRef", str(self.main["env"]))

    def test_there_is_one_container_and_its_image_has_a_version(self):
        self.assertEqual((len(self.pod["containers"]), self.pod.get("initContainers")), (1, None))
        self.assertRegex(self.main["image"], r":(?!latest$)[\w.-]+$")
        self.assertNotIn("cpu", self.main["resources"]["limits"])

    def test_its_namespace_says_that_such_pods_are_allowed(self):
        [space] = [d for d in documents() if d["kind"] == "Namespace"]
        self.assertEqual(space["metadata"]["name"], self.job["metadata"]["namespace"])
        self.assertEqual(space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "privileged")

    def test_the_script_gets_all_that_it_needs_by_names_that_it_knows(self):
        script = (FLEET / "node.sh").read_text()
        given = {e["name"]: e for e in self.main["env"]}
        self.assertEqual([name for name in given if f"${{{name}:=" not in script], [])
        self.assertLessEqual({"KANSHIKI_REQUEST", "KANSHIKI_LABEL", "KANSHIKI_DIR", "KANSHIKI_NODE", "KANSHIKI_POD"}, set(given))
        self.assertEqual(given["KANSHIKI_NODE"]["valueFrom"]["fieldRef"]["fieldPath"], "spec.nodeName")
        self.assertEqual(given["KANSHIKI_POD"]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.uid")
        places = {m["mountPath"] for m in self.main["volumeMounts"]}
        self.assertIn(given["KANSHIKI_DIR"]["value"], places)
        self.assertIn(given["KANSHIKI_SECRET"]["value"].rsplit("/", 1)[0], places)


class Stack(unittest.TestCase):
    def setUp(self):
        self.text = (FLEET / "swarm/stack.yaml").read_text()
        self.service = yaml.safe_load(self.text)["services"]["capture"]

    def test_the_task_has_no_right_but_the_socket_and_the_secret(self):
        self.assertEqual((self.service["cap_drop"], self.service["read_only"]), (["ALL"], True))
        self.assertEqual([v["target"] for v in self.service["volumes"]], ["/run/engine.sock"])
        self.assertEqual(self.service["secrets"], [{"source": "remote", "target": "remote", "mode": 0o400}])
        self.assertNotIn("privileged", self.service)

    def test_it_runs_once_on_every_node_and_what_fails_waits(self):
        self.assertEqual(self.service["deploy"]["mode"], "global-job")
        self.assertEqual(self.service["deploy"]["restart_policy"], {"condition": "on-failure", "delay": "1h"})

    def test_no_message_of_a_variable_holds_a_dash_which_the_client_takes_for_a_default(self):
        messages = re.findall(r"\$\{\w+:?\?([^}]*)\}", self.text)
        self.assertEqual(len(messages), 1)
        self.assertEqual([m for m in messages if "-" in m], [])

    def test_every_variable_is_one_that_the_scripts_read(self):
        scripts = (FLEET / "job.sh").read_text() + (FLEET / "node.sh").read_text()
        self.assertEqual([name for name in self.service["environment"] if f"${name}" not in scripts and f"${{{name}" not in scripts], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
