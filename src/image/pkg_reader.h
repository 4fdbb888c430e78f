/* What the readers of package databases share: lines with their offsets, and the stanza at hand. */
#ifndef KAN_IMAGE_PKG_READER_H
#define KAN_IMAGE_PKG_READER_H

#include "image/package.h"

struct kan_pkg_reader {
	enum kan_pkg_db db;
	const struct kan_pkg_events *on;
	struct kan_buf package; /* of the file's name */
	struct kan_buf rest;    /* a line that has not ended yet */
	uint64_t offset;        /* of the line at hand */
	struct kan_err fault;
	/* the stanza: dpkg's fields, apk's package */
	bool open, told;
	struct kan_buf name, arch, version, source, status, conffiles;
	bool in_conffiles;
	/* apk: the directory, the file that waits for its checksum */
	struct kan_buf dir, file, sum;
	bool has_dir, has_file;
	/* diversions */
	struct kan_buf from, to;
	unsigned turn;
};

/* "byte N: why". Yields -1. */
#define kan_pkg_malformed(r, err, ...) (kan_pkg_malformed_set((r), (err), __VA_ARGS__), -1)
void kan_pkg_malformed_set(const struct kan_pkg_reader *r, struct kan_err *err, const char *fmt,
			   ...) __attribute__((format(printf, 3, 4)));
/* Set a value of the stanza; limit when it is too long, malformed with an odd character in it. */
int kan_pkg_set(struct kan_buf *to, const struct kan_pkg_reader *r, struct kan_bytes value,
		struct kan_err *err);
/* What no manager's name has would be read as a path, an architecture or a word. */
bool kan_pkg_name_ok(struct kan_bytes name);
struct kan_bytes kan_pkg_trim(struct kan_bytes v); /* without blanks at both ends */
/* The next word; rest is what comes after it. */
struct kan_bytes kan_pkg_word(struct kan_bytes *rest);
/* "name (version)", as dpkg's Source has it. */
void kan_pkg_source(struct kan_pkg_about *p, struct kan_bytes source);
void kan_pkg_stanza_clear(struct kan_pkg_reader *r);

/* One line each, without its LF; end is called once. */
int kan_pkg_dpkg_stanza(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err);
int kan_pkg_dpkg_stanza_end(struct kan_pkg_reader *r, struct kan_err *err);
int kan_pkg_dpkg_list(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err);
int kan_pkg_dpkg_md5sums(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err);
int kan_pkg_dpkg_diversions(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err);
int kan_pkg_dpkg_diversions_end(struct kan_pkg_reader *r, struct kan_err *err);
int kan_pkg_apk_line(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err);
int kan_pkg_apk_end(struct kan_pkg_reader *r, struct kan_err *err);

#endif
