/* Inside the engine room: which socket a socket file leads to, by the kernel's word. */
#ifndef KAN_ENGINE_LISTENER_H
#define KAN_ENGINE_LISTENER_H

#include <kanshiki/err.h>
#include <stdint.h>

/*
 * Inode (in sockfs) of the listening socket that is bound to the file at path, asked by sock_diag
 * (linux/unix_diag.h, UNIX_DIAG_VFS) in the network namespace of the process at pid_dir. Names of
 * sockets are not compared: anybody in that namespace can bind the same text below another root.
 * not-found: none listens there; unsupported: several could be meant; else what the kernel refused.
 */
int kan_listening_socket(uint64_t *ino, int pid_dir, const char *path, struct kan_err *err);

#endif
