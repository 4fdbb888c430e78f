/* A clean process to start from, and the readers' sandbox: no_new_privs, Landlock, seccomp,
 * rlimits. */
#include "base/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

enum { READER_MEMORY = 512 << 20, READER_CPU_S = 600, KEPT_OCTETS = 4096 };

/* What of the environment anything of ours reads. No LD_*, GIT_*, OPENSSL_CONF, proxies. */
static const char *const kept[] = {"HOME",
				   "KANSHIKI_HOME",
				   "DOCKER_HOST",
				   "DOCKER_CONFIG",
				   "DOCKER_TLS_VERIFY",
				   "DOCKER_CERT_PATH",
				   "XDG_DATA_HOME",
				   "XDG_CONFIG_HOME",
				   "XDG_RUNTIME_DIR",
				   "SUDO_USER",
				   "TERM",
				   "NO_COLOR",
				   "TZ",
				   "TMPDIR",
				   "SSH_AUTH_SOCK",
				   "SSH_CONNECTION"};

static int clean_environment(struct kan_err *err)
{
	char *values[sizeof(kept) / sizeof(kept[0])] = {0};
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *v = getenv(kept[i]);
		if (v && strlen(v) < KEPT_OCTETS)
			values[i] = kan_xstrdup(v);
	}
	int rc = clearenv() ? -1 : 0;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (values[i] && setenv(kept[i], values[i], 1) < 0)
			rc = -1;
		free(values[i]);
	}
	if (setenv("LC_ALL", "C", 1) < 0 || setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
		rc = -1;
	return rc < 0 ? kan_fail_sys(err, "environment") : 0;
}

int kan_process_clean(struct kan_err *err)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return kan_fail_sys(err, "descriptor %d", fd);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	return clean_environment(err);
}

static const uint64_t read_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t write_access = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
				     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
				     LANDLOCK_ACCESS_FS_REMOVE_DIR;
/* Of its second and third version, and its fifth, where the kernel has them: linux/landlock.h. */
static const uint64_t refer = 1ULL << 13, truncates = 1ULL << 14, device_ioctl = 1ULL << 15;
/* Everything of Landlock's first version: what is not granted is denied. */
static const uint64_t all_access =
	LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
	LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
	LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
	LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
	LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

static const char locales[] = "/usr/lib/locale";

static int grant(int ruleset, const char *path, uint64_t access, struct kan_err *err)
{
	struct stat st;
	kan_auto_close int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return kan_fail_sys(err, "%s", path);
	if (!S_ISDIR(st.st_mode))
		access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return kan_fail_sys(err, "landlock: %s", path);
	return 0;
}

/* Without the third a file that may only be read can still be emptied by opening it. */
static uint64_t handled(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return all_access | (version >= 2 ? refer : 0) | (version >= 3 ? truncates : 0) |
	       (version >= 5 ? device_ioctl : 0);
}

static int landlock(bool *held, const char *const *readable, const char *const *writable,
		    struct kan_err *err)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = handled()};
	kan_auto_close int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (set < 0)
		return 0; /* this kernel has none, or it is off: told in state */
#ifdef KAN_SANITIZED
	if (grant(set, "/proc", read_access, err) < 0)
		return -1;
#endif
	/* Names in a tar are converted in a UTF-8 locale, which glibc reads when it is asked for.
	 */
	if (access(locales, F_OK) == 0 && grant(set, locales, read_access, err) < 0)
		return -1;
	for (; readable && *readable; readable++)
		if (grant(set, *readable, read_access, err) < 0)
			return -1;
	for (; writable && *writable; writable++)
		if (grant(set, *writable, read_access | write_access, err) < 0)
			return -1;
	if (syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return kan_fail_sys(err, "landlock");
	*held = true;
	return 0;
}

/* What a reader of bundles needs: memory, files, time, threads, its own end. No socket, exec,
 * ptrace, mount, fork. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(fstat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(lseek),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(getdents64),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fcntl),
	SCMP_SYS(flock),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(fchmod),
	SCMP_SYS(mkdirat), /* below the write paths, by Landlock */
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(umask),
	SCMP_SYS(fadvise64),
	SCMP_SYS(fstatfs),
	SCMP_SYS(statfs),
	SCMP_SYS(getcwd),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(prctl),
	SCMP_SYS(arch_prctl),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(memfd_create),
	SCMP_SYS(membarrier),
#ifdef KAN_SANITIZED /* the leak checker looks at its own process, from a thread, at exit */
	SCMP_SYS(ptrace),
	SCMP_SYS(getdents),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(clone),
	SCMP_SYS(wait4),
	SCMP_SYS(prlimit64),
#endif
};

/* With these arguments only. Landlock says nothing of what changes a file's mode or times by its
 * path, so no such call is above; nor of a terminal, into which TIOCSTI types. */
static bool add_conditions(scmp_filter_ctx ctx)
{
	const struct {
		int call;
		struct scmp_arg_cmp arg;
	} rules[] = {
		{SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, TCGETS, 0)},
		{SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ, 0)},
		{SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0, 0)}, /* it asks */
		{SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)},
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)},
	};
	/* Where its flags lie no filter can see: glibc takes clone instead. */
	bool good = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rules[i].call, 1,
						&rules[i].arg);
		good &= rc == 0 || rc == -EEXIST; /* allowed whole, for a sanitizer */
	}
	return good;
}

static bool seccomp(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return false;
	bool good = true;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		good &= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
	good = good && add_conditions(ctx) && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return good;
}

static void limit(int what, rlim_t value)
{
	struct rlimit r = {value, value};
	(void)setrlimit(what, &r); /* somebody set it lower already */
}

int kan_sandbox_fork(pid_t *pid, int *end, struct kan_err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return kan_fail_sys(err, "pipe");
	kan_auto_close int in = ends[0], to = ends[1];
	pid_t self = getpid();
	*pid = fork();
	if (*pid < 0)
		return kan_fail_sys(err, "fork");
	if (*pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != self))
		_exit(1);
	*end = kan_take_fd(*pid == 0 ? &to : &in);
	return 0;
}

void kan_sandbox_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

int kan_sandbox_ask(struct kan_buf *text, void (*work)(int end, void *arg), void *arg,
		    struct kan_err *err)
{
	kan_auto_close int end = -1;
	pid_t pid = 0;
	(void)fflush(NULL); /* or the child says it once more */
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0) {
		work(end, arg);
		_exit(0);
	}
	int rc = kan_read_all(text, end, err);
	kan_sandbox_end(pid);
	return rc;
}

bool kan_sandbox_close_others(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);
	return (low == 0 || syscall(SYS_close_range, 0u, low - 1, 0) == 0) &&
	       (high == low + 1 || syscall(SYS_close_range, low + 1, high - 1, 0) == 0) &&
	       syscall(SYS_close_range, high + 1, ~0u, 0) == 0;
}

bool kan_sandbox_drop_powers(bool may_read)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {0};
	if (syscall(SYS_capget, &head, now) < 0)
		return false;
	uint32_t keep = may_read ? now[0].permitted & 1u << CAP_DAC_READ_SEARCH : 0;
	struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = {
		{.effective = keep, .permitted = keep}};
	return syscall(SYS_capset, &head, left) == 0;
}

int kan_sandbox_reader(struct kan_sandbox_state *state, const char *const *readable,
		       const char *const *writable, struct kan_err *err)
{
	struct kan_sandbox_state s = {0};
#ifndef KAN_SANITIZED
	limit(RLIMIT_AS, READER_MEMORY);
#endif
	limit(RLIMIT_CPU, READER_CPU_S);
	limit(RLIMIT_CORE, 0);
	s.no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (s.no_new_privs && landlock(&s.landlock, readable, writable, err) < 0)
		return kan_wrap(err, "sandbox");
	s.seccomp = s.no_new_privs && seccomp();
	*state = s;
	return 0;
}
