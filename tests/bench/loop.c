/*
 * What the machine itself costs, as one loop with the opens and buffers of kanshiki and OpenSSL's
 * SHA-256: loop tree DIR       walk, open safely, read and hash every regular file loop digest FILE
 * read and hash it loop copy FILE TO   read, hash and write it
 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, PAGE = 4096, NAME = 64 };

static EVP_MD *md;
static EVP_MD_CTX *ctx;
static unsigned char *buffer;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void hash(int fd, int to)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	ssize_t n;
	EVP_DigestInit_ex2(ctx, md, NULL);
	while ((n = read(fd, buffer, BUFFER)) > 0) {
		EVP_DigestUpdate(ctx, buffer, (size_t)n);
		if (to >= 0 && write(to, buffer, (size_t)n) != n)
			die("write");
	}
	if (n < 0)
		die("read");
	EVP_DigestFinal_ex(ctx, out, NULL);
}

/* A handle first, which never blocks; then the file of that handle, when it is a regular one. */
static int open_safely(int dir, const char *name)
{
	char self[NAME];
	struct stat st;
	int pin = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (pin < 0 || fstat(pin, &st) < 0)
		die(name);
	int fd = -1;
	if (S_ISREG(st.st_mode)) {
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", pin);
		fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			die(name);
	}
	close(pin);
	return fd;
}

static void tree(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	if (!dir)
		die("opendir");
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_type == DT_DIR) {
			tree(openat(fd, e->d_name,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
			continue;
		}
		int file = open_safely(fd, e->d_name);
		if (file >= 0) {
			hash(file, -1);
			close(file);
		}
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	ctx = EVP_MD_CTX_new();
	buffer = aligned_alloc(PAGE, BUFFER);
	int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (!md || !ctx || !buffer || fd < 0)
		die(argv[2]);
	if (strcmp(argv[1], "tree") == 0)
		tree(fd);
	else if (strcmp(argv[1], "digest") == 0)
		hash(fd, -1);
	else if (strcmp(argv[1], "copy") == 0 && argc == 4)
		hash(fd, open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	else
		return 2;
	return 0;
}
