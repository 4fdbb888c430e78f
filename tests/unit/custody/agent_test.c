/* Keys that are somewhere else: in OpenSSH's agent, in agents that lie, behind ssh-keygen. */
#include "custody/agent.h"

#include "custody/agentmsg.h"
#include "custody/key.h"
#include "custody/keygen.h"
#include "custody/signer.h"
#include "custody/sshsig.h"
#include "custody/sshwire.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* An agent of OpenSSH that ends with the test. */
struct agent {
	char socket[320];
	pid_t pid;
};

static void agent_end(struct agent *a)
{
	if (a->pid > 0) {
		kill(a->pid, SIGKILL);
		waitpid(a->pid, NULL, 0);
	}
}
#define auto_agent __attribute__((cleanup(agent_end)))

/* In the child: nothing of the test's is held open by it, and it ends with the test. */
static void alone(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	(void)syscall(SYS_close_range, 3u, ~0u, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/* The named private keys are in it, in this order. A copy of the program: the installed one may be
 * setgid, which would outlive the test. */
static void agent_start(struct agent *a, const struct fixture *f, const char *keys)
{
	char program[320];

	free(fixture_must(f->dir, "cp /usr/bin/ssh-agent a && chmod 700 a"));
	snprintf(program, sizeof(program), "%s/a", f->dir);
	snprintf(a->socket, sizeof(a->socket), "%s/sock", f->dir);
	a->pid = fork();
	if (a->pid == 0) {
		alone();
		execl(program, "ssh-agent", "-D", "-a", a->socket, (char *)NULL);
		_exit(127);
	}
	/* ssh-add says 2 until somebody answers: the socket is there before that. */
	free(fixture_must(f->dir,
			  "export SSH_AUTH_SOCK=$PWD/sock; for i in $(seq 200); do ssh-add -l;"
			  " test $? -ne 2 && break; sleep 0.05; done >/dev/null 2>&1;"
			  " for k in %s; do ssh-add -q $k; done",
			  keys));
}

static void make_keys(const struct fixture *f)
{
	free(fixture_must(f->dir, "for t in 'rsa -b 2048' 'ecdsa -b 256' ed25519 'ecdsa -b 384'; do"
				  " n=${t/ -b /}; ssh-keygen -q -t $t -N '' -C c-$n -f $n; done"));
}

static void ssh_keygen_verifies(const struct fixture *f, const struct kan_signer *s)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(8192), armour = KAN_BUF(KAN_SSHSIG_MAX);
	struct kan_err err = {0};

	cr_assert_eq(kan_signer_sign(&armour, s, "file", KAN_LIT("seal"), &err), 0, "%s", err.text);
	kan_buf_adds(&line, "aiko ");
	kan_key_line(&line, kan_signer_blob(s));
	kan_buf_addc(&line, '\n');
	fixture_write(f->dir, "allowed", line.data, line.len);
	fixture_write(f->dir, "s.sig", armour.data, armour.len);
	free(fixture_must(f->dir, "printf seal | ssh-keygen -Y verify -f allowed -I aiko -n file"
				  " -s s.sig"));
}

/* Opened by this word, it signs as the key of that public key file. */
static void signs_as(const struct fixture *f, const char *spec, const char *public)
{
	struct kan_signer *s = NULL;
	struct kan_err err = {0};
	kan_auto_free char *listed = fixture_must(f->dir, "ssh-keygen -l -f %s", public);

	cr_assert_eq(kan_signer_open(&s, &(struct kan_signer_ask){.spec = spec}, NULL, &err), 0,
		     "%s: %s", spec, err.text);
	cr_expect(strstr(listed, kan_signer_fpr(s)), "%s: %s", spec, listed);
	ssh_keygen_verifies(f, s);
	kan_signer_free(s);
}

static void refused(const char *spec, enum kan_code code, const char *text)
{
	struct kan_signer *s = NULL;
	struct kan_err err = {0};

	cr_expect_eq(kan_signer_open(&s, &(struct kan_signer_ask){.spec = spec}, NULL, &err), -1,
		     "%s", spec);
	cr_expect_eq(err.code, code, "%s: %d: %s", spec, err.code, err.text);
	cr_expect(strstr(err.text, text), "%s: %s", spec, err.text);
}

Test(agent, openssh_agent_signs_with_keys_of_each_type)
{
	auto_fixture struct fixture f;
	auto_agent struct agent a = {0};
	char spec[512];
	static const char *const names[] = {"rsa2048", "ecdsa256", "ed25519"};

	fixture_make(&f);
	make_keys(&f);
	agent_start(&a, &f, "ecdsa384 rsa2048 ecdsa256 ed25519");
	setenv("SSH_AUTH_SOCK", a.socket, 1);
	/* The first that is taken, in the agent's order: P-384 is not. */
	signs_as(&f, "agent", "rsa2048.pub");
	for (size_t i = 0; i < 3; i++) {
		kan_auto_free char *fpr = fixture_must(
			f.dir, "printf agent:; ssh-keygen -l -f %s.pub | cut -d' ' -f2", names[i]);

		snprintf(spec, sizeof(spec), "%s.pub", names[i]);
		signs_as(&f, fpr, spec);
		snprintf(spec, sizeof(spec), "agent:%s/%s.pub", f.dir, names[i]);
		signs_as(&f, spec, strrchr(spec, '/') + 1);
	}
}

Test(agent, what_an_agent_cannot_do_is_said_in_one_line)
{
	auto_fixture struct fixture f;
	auto_agent struct agent a = {0};
	char spec[512];

	fixture_make(&f);
	make_keys(&f);
	unsetenv("SSH_AUTH_SOCK");
	refused("agent", KAN_EUSAGE, "SSH_AUTH_SOCK names no agent");
	setenv("SSH_AUTH_SOCK", "relative", 1);
	refused("agent", KAN_EUSAGE, "no path of a socket");
	setenv("SSH_AUTH_SOCK", "/nonexistent/agent", 1);
	refused("agent", KAN_EUSAGE, "no agent at /nonexistent/agent");
	agent_start(&a, &f, "");
	setenv("SSH_AUTH_SOCK", a.socket, 1);
	refused("agent", KAN_EUSAGE, "has no key: ssh-add one");
	free(fixture_must(f.dir, "SSH_AUTH_SOCK=$PWD/sock ssh-add -q ecdsa384"));
	refused("agent", KAN_EUSAGE, "ecdsa-sha2-nistp384");
	refused("agent:SHA256:no", KAN_EUSAGE, "does not have SHA256:no; it has SHA256:");
	snprintf(spec, sizeof(spec), "agent:%s/rsa2048.pub", f.dir);
	refused(spec, KAN_EUSAGE, "does not have /");
	snprintf(spec, sizeof(spec), "agent:%s/rsa2048", f.dir);
	refused(spec, KAN_EUSAGE, "no public key of SSH");
	refused("agent:/nonexistent.pub", KAN_ENOTFOUND, "nonexistent.pub");
}

/* An agent of ours that answers each connection with the next of its replies, whole as given. */
static pid_t liar(const char *path, const struct kan_bytes *replies, size_t n, bool hold)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	enum { LISTENER = 3 };
	pid_t pid;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(fd, 8), 0);
	pid = fork();
	if (pid == 0) {
		fd = dup2(fd, LISTENER);
		(void)syscall(SYS_close_range, LISTENER + 1u, ~0u, 0);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (size_t i = 0;; i++) {
			int c = accept(fd, NULL, NULL);
			uint8_t request[4096];
			struct kan_bytes r = replies[i < n ? i : n - 1];

			(void)!read(c, request, sizeof(request));
			(void)!write(c, r.p, r.n);
			if (!hold)
				close(c);
		}
	}
	close(fd);
	return pid;
}

static void put_message(struct kan_buf *out, uint8_t type, const struct kan_buf *body)
{
	kan_wire_put_u32(out, (uint32_t)body->len + 1);
	kan_buf_addc(out, (char)type);
	kan_buf_addb(out, kan_buf_bytes(body));
}

static void put_list(struct kan_buf *out, const struct kan_key *k)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(4096);

	kan_wire_put_u32(&body, 1);
	kan_wire_put_str(&body, kan_key_blob(k));
	kan_wire_put_str(&body, KAN_LIT("a comment"));
	put_message(out, 12, &body);
}

static void lies(const struct fixture *f, const char *name, const struct kan_bytes *replies,
		 size_t n, const char *text)
{
	char path[400];
	struct agent a = {0};

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	a.pid = liar(path, replies, n, false);
	setenv("SSH_AUTH_SOCK", path, 1);
	{
		struct kan_signer *s = NULL;
		struct kan_err err = {0};

		cr_expect_eq(
			kan_signer_open(&s, &(struct kan_signer_ask){.spec = "agent"}, NULL, &err),
			-1, "%s", name);
		cr_expect(strstr(err.text, text), "%s: %s", name, err.text);
		cr_expect(err.code == KAN_EUSAGE || err.code == KAN_EFORMAT ||
				  err.code == KAN_ELIMIT || err.code == KAN_EDENIED,
			  "%s: %d", name, err.code);
	}
	agent_end(&a);
}

Test(agent, an_agent_that_lies_about_lengths_is_not_believed)
{
	auto_fixture struct fixture f;
	const struct kan_bytes huge = KAN_LIT("\xff\xff\xff\xff\x0c"),
			       large = KAN_LIT("\0\4\0\1\x0c"), empty = KAN_LIT("\0\0\0\0"),
			       cut = KAN_LIT("\0\0\0\7\x0c\0\0"),
			       many = KAN_LIT("\0\0\0\5\x0c\xff\xff\xff\xff"),
			       absent = KAN_LIT("\0\0\0\5\x0c\0\0\0\3"),
			       more = KAN_LIT("\0\0\0\6\x0c\0\0\0\0x"),
			       other = KAN_LIT("\0\0\0\5\x0e\0\0\0\0"), no = KAN_LIT("\0\0\0\1\5"),
			       nothing = {0},
			       blob = KAN_LIT("\0\0\0\x0d\x0c\0\0\0\1\xff\xff\xff\xff\0\0\0\0");

	fixture_make(&f);
	lies(&f, "huge", &huge, 1, "larger than 262144 bytes");
	lies(&f, "large", &large, 1, "larger than 262144 bytes");
	lies(&f, "empty", &empty, 1, "is empty");
	lies(&f, "cut", &cut, 1, "hangs up");
	lies(&f, "many", &many, 1, "more than 1024 keys");
	lies(&f, "absent", &absent, 1, "malformed");
	lies(&f, "more", &more, 1, "malformed");
	lies(&f, "other", &other, 1, "message 14, not 12");
	lies(&f, "no", &no, 1, "says no");
	lies(&f, "nothing", &nothing, 1, "hangs up");
	lies(&f, "blob", &blob, 1, "malformed");
}

Test(agent, a_signature_of_another_key_or_over_other_bytes_is_not_taken)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL, *other = NULL;
	kan_auto_buf struct kan_buf sig = KAN_BUF(1024), body = KAN_BUF(1024), list = KAN_BUF(4096),
				    wrong = KAN_BUF(4096), foreign = KAN_BUF(4096),
				    junk = KAN_BUF(4096);
	struct kan_bytes replies[2];

	fixture_make(&f);
	cr_assert_eq(kan_key_generate(&k, "k", NULL), 0);
	cr_assert_eq(kan_key_generate(&other, "o", NULL), 0);
	put_list(&list, k);
	replies[0] = kan_buf_bytes(&list);
	kan_key_sign(&sig, k, KAN_LIT("other bytes"), NULL);
	kan_wire_put_str(&body, kan_buf_bytes(&sig));
	put_message(&wrong, 14, &body);
	replies[1] = kan_buf_bytes(&wrong);
	lies(&f, "wrong", replies, 2, "does not fit");
	/* Just what is asked for, by the key that was not. */
	kan_buf_reset(&sig);
	kan_buf_reset(&body);
	kan_sshsig_body(&body, "kanshiki-trial", KAN_LIT("kanshiki"), NULL);
	kan_key_sign(&sig, other, kan_buf_bytes(&body), NULL);
	kan_buf_reset(&body);
	kan_wire_put_str(&body, kan_buf_bytes(&sig));
	put_message(&foreign, 14, &body);
	replies[1] = kan_buf_bytes(&foreign);
	lies(&f, "foreign", replies, 2, "does not fit");
	kan_buf_reset(&body);
	kan_wire_put_str(&body, KAN_LIT("junk"));
	put_message(&junk, 14, &body);
	replies[1] = kan_buf_bytes(&junk);
	lies(&f, "junk", replies, 2, "cut short");
}

/* Whether it is mute, or holds back the end of an answer. */
Test(agent, a_silent_agent_is_given_up, .timeout = 60)
{
	auto_fixture struct fixture f;
	const struct kan_bytes replies[] = {KAN_LIT("\0\0\1\0\x0c"), {0}};
	char path[400];

	fixture_make(&f);
	for (int i = 0; i < 2; i++) {
		auto_agent struct agent a = {0};
		struct kan_agent *opened = NULL;
		struct kan_err err = {0};

		snprintf(path, sizeof(path), "%s/mute%d", f.dir, i);
		a.pid = liar(path, &replies[i], 1, true);
		cr_assert_eq(kan_agent_open(&opened, path, NULL, 1, &err), -1);
		cr_assert_eq(err.code, KAN_ELIMIT, "%s", err.text);
		cr_assert(strstr(err.text, "does not answer in time"), "%s", err.text);
	}
}

Test(keygen, ssh_keygen_signs_with_its_own_key_files)
{
	auto_fixture struct fixture f;
	char spec[512];
	static const char *const names[] = {"rsa2048", "ecdsa256", "ed25519"};

	fixture_make(&f);
	make_keys(&f);
	unsetenv("SSH_AUTH_SOCK");
	for (size_t i = 0; i < 3; i++) {
		char public[64];

		snprintf(spec, sizeof(spec), "ssh-keygen:%s/%s", f.dir, names[i]);
		snprintf(public, sizeof(public), "%s.pub", names[i]);
		signs_as(&f, spec, public);
	}
}

Test(keygen, ssh_keygen_signs_with_a_key_that_the_agent_holds)
{
	auto_fixture struct fixture f;
	auto_agent struct agent a = {0};
	char spec[512];

	fixture_make(&f);
	make_keys(&f);
	agent_start(&a, &f, "ed25519");
	free(fixture_must(f.dir, "rm ed25519"));
	setenv("SSH_AUTH_SOCK", a.socket, 1);
	snprintf(spec, sizeof(spec), "ssh-keygen:%s/ed25519.pub", f.dir);
	signs_as(&f, spec, "ed25519.pub");
}

Test(keygen, ssh_keygen_never_asks_and_its_reason_is_told)
{
	auto_fixture struct fixture f;
	char spec[512];

	fixture_make(&f);
	free(fixture_must(f.dir, "ssh-keygen -q -t ed25519 -N secret -f locked &&"
				 " ssh-keygen -q -t ed25519 -N '' -f open && chmod 644 open &&"
				 " echo junk > junk && chmod 600 junk"));
	unsetenv("SSH_AUTH_SOCK");
	snprintf(spec, sizeof(spec), "ssh-keygen:%s/locked", f.dir);
	refused(spec, KAN_EUNSUPPORTED, "passphrase");
	snprintf(spec, sizeof(spec), "ssh-keygen:%s/open", f.dir);
	refused(spec, KAN_EREFUSED, "open to others");
	snprintf(spec, sizeof(spec), "ssh-keygen:%s/junk", f.dir);
	refused(spec, KAN_EUNSUPPORTED, "ssh-keygen would not sign");
	refused("ssh-keygen:/nonexistent", KAN_ENOTFOUND, "nonexistent");
}

Test(signer, root_is_warned_of_an_agent_that_came_over_ssh)
{
	auto_fixture struct fixture f;
	auto_agent struct agent a = {0};
	struct kan_signer *s = NULL;

	fixture_make(&f);
	make_keys(&f);
	agent_start(&a, &f, "ed25519");
	setenv("SSH_AUTH_SOCK", a.socket, 1);
	unsetenv("SSH_CONNECTION");
	cr_assert_eq(kan_signer_open(&s, &(struct kan_signer_ask){.spec = "agent"}, NULL, NULL), 0);
	cr_expect_null(kan_signer_warning(s));
	kan_signer_free(s);
	setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22", 1);
	cr_assert_eq(kan_signer_open(&s, &(struct kan_signer_ask){.spec = "agent"}, NULL, NULL), 0);
	cr_expect_eq(kan_signer_warning(s) != NULL, geteuid() == 0);
	kan_signer_free(s);
}
