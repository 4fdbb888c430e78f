/* Plants memory of which it knows every byte: "name address" lines in /tmp/planted, then it counts.
 * Built static by the tests. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20 };

static FILE *out;
static volatile unsigned long beats;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(9);
}

/* Between pages that nobody may touch: no neighbour becomes one mapping with it. */
static char *place(size_t n, int flags, int fd)
{
	char *p = mmap(NULL, n + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	must(p != MAP_FAILED, "mmap");
	p = mmap(p + PAGE, n, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	must(p != MAP_FAILED, "mmap");
	(void)madvise(p, n, MADV_NOHUGEPAGE);
	return p;
}

static char *anonymous(size_t n)
{
	return place(n, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

static void tell(const char *name, const void *p)
{
	fprintf(out, "%s %lx\n", name, (unsigned long)(uintptr_t)p);
}

/* The bytes that the test computes too. */
static void pattern(char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 31 + i / PAGE * 7 + seed);
}

static void fault(char *p, size_t n)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register r = {.range = {(unsigned long)p, n},
				    .mode = UFFDIO_REGISTER_MODE_MISSING};
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0 || ioctl((int)fd, UFFDIO_API, &api) < 0 ||
	    ioctl((int)fd, UFFDIO_REGISTER, &r) < 0)
		return;
	tell("faulted", p);
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void plant(void)
{
	char local[64];
	pthread_t t;
	int fd = memfd_create("card numbers \033[2J", 0);
	char *heap = malloc(64), *anon = anonymous(16 * PAGE), *big = anonymous(3 * MIB),
	     *none = anonymous(PAGE), *read_only = anonymous(PAGE), *sparse = anonymous(1UL << 30),
	     *faulted = anonymous(4 * PAGE);
	must(fd >= 0 && ftruncate(fd, 4 * PAGE) == 0, "memfd");
	char *shared = place(4 * PAGE, MAP_SHARED, fd);
	strcpy(heap, "planted on the heap 4111");
	strcpy(local, "planted on the stack 4222");
	pattern(anon, 16 * PAGE, 1);
	memcpy(anon + PAGE - 8, "across two pages", 16);
	pattern(big, 3 * MIB, 2);
	memcpy(big + MIB - 10, "across two reads of a megabyte", 30);
	pattern(shared, 4 * PAGE, 3);
	strcpy(none, "planted where nobody may look");
	mprotect(none, PAGE, PROT_NONE);
	strcpy(read_only, "planted and then made readable only");
	mprotect(read_only, PAGE, PROT_READ);
	strcpy(sparse, "first page of the sparse one");
	strcpy(sparse + (1UL << 29), "middle page of the sparse one");
	strcpy(sparse + (1UL << 30) - PAGE, "last page of the sparse one");
	strcpy(faulted, "the only page that is there");
	must(pthread_create(&t, NULL, idle, NULL) == 0, "thread");
	tell("heap", heap);
	tell("stack", local);
	tell("anon", anon);
	tell("big", big);
	tell("shared", shared);
	tell("none", none);
	tell("read_only", read_only);
	tell("sparse", sparse);
	tell("beats", (const void *)&beats);
	fault(faulted, 4 * PAGE);
	fclose(out);
	rename("/tmp/planting", "/tmp/planted");
	for (;;) {
		beats++;
		usleep(2000);
	}
}

/* Each mapping is unlike the one before it: the kernel joins none. */
static void many(long n)
{
	for (long i = 0; i < n; i++) {
		int prot = PROT_READ | (i % 2 ? 0 : PROT_WRITE);
		char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
		if (p == MAP_FAILED)
			break;
		snprintf(p, PAGE, "mapping number %ld", i);
		mprotect(p, PAGE, prot);
		if (i == 500)
			tell("mapping", p);
	}
}

static void fill(long mib)
{
	char *p = anonymous((size_t)mib * MIB);
	for (long i = 0; i < mib; i++)
		pattern(p + i * MIB, MIB, (unsigned)i);
	tell("filled", p);
}

/* A child that can be killed without the container's end. */
static void child(long mib)
{
	pid_t pid = fork();
	if (pid > 0) {
		fprintf(out, "child %x\n", (unsigned)pid);
		return;
	}
	char *p = anonymous((size_t)mib * MIB);
	memset(p, 'c', (size_t)mib * MIB);
	close(open("/tmp/child", O_CREAT | O_WRONLY, 0600));
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	out = fopen("/tmp/planting", "w");
	must(out != NULL && argc > 1, "planting");
	long n = argc > 2 ? atol(argv[2]) : 0;
	if (strcmp(argv[1], "many") == 0)
		many(n);
	else if (strcmp(argv[1], "fill") == 0)
		fill(n);
	else if (strcmp(argv[1], "child") == 0)
		child(n);
	else
		plant();
	fclose(out);
	rename("/tmp/planting", "/tmp/planted");
	for (;;)
		pause();
}
