/* One run of capture or quarantine: what its containers share, and what becomes of one. */
#ifndef KAN_CLI_JOB_H
#define KAN_CLI_JOB_H

#include <kanshiki/custody.h>

#include "capture/capture.h"
#include "cli/cmd.h"
#include "cli/then.h"
#include "cli/tsa.h"

struct kan_capture_doc;
struct kan_progress;

struct kan_job {
	const struct kan_args *a;
	struct kan_indicators *indicators;
	struct kan_capture_request request;
	char *home, *parent, *name, *email, *case_id;
	json_t *settings; /* what files said beside the command line */
	struct kan_custody *custody;
	struct kan_then then;
	struct kan_tsa tsa;
	enum kan_stamp stamp; /* of this container's seal */
	bool json, quiet, commit, report, opened;
	bool left_behind; /* a thread of a capture */
	bool by_turns;    /* one capture of a request at a time */
	bool seen;        /* whoever had the turn before has done it */
	int turn;
	struct kan_progress *progress;
	pid_t first_screen;
};

/* job.c. -1: said what is wrong. */
int kan_job_read_request(struct kan_job *j, const struct kan_args *a);
/* Of a request that has been read: where things go. */
void kan_job_name_places(struct kan_job *j);
/* The container is found: what is not there is made, and custody opened. Once. */
int kan_job_open_places(void *job, struct kan_err *err);
/* Frees it; the process ends with status. */
int kan_job_end(struct kan_job *j, int status);
unsigned kan_job_timeout_s(const struct kan_job *j); /* --timeout, else an hour */
struct kan_act kan_job_act_of(const struct kan_job *j);
/* kan_capture_run of one container, with its progress. */
int kan_job_run(struct kan_capture_result *c, struct kan_job *j, const char *container,
		struct kan_err *err);

/* job_end.c */
/* What the evidence alone makes of it: 0, 5, 124 or 130. */
int kan_job_status_of(const struct kan_capture_result *c);
/* Sign, stamp and commit the sealed bundle at path. impact: as in capture.json, borrowed. */
int kan_job_preserve(struct kan_receipt *receipt, struct kan_job *j, const char *path,
		     json_t *impact, struct kan_err *err);
/* --require, once it is kept where it is: status, or worse, which is said. */
int kan_job_required(int status, const struct kan_job *j, const struct kan_receipt *r);
/* Read the bundle, write the reports and commit them. receipt NULL: it is committed nowhere. */
struct kan_job_bundle {
	const char *name, *path;
	const struct kan_receipt *receipt;
	int status;
	unsigned below; /* lines that follow the screen */
};
int kan_job_analyse(struct kan_read *read, struct kan_receipt *derived, struct kan_job *j,
		    const struct kan_job_bundle *b, struct kan_err *err);
/* What fails behind the seal is ours, whatever its code: said, and the status with it. */
int kan_job_after_seal(int status, const struct kan_err *err);
/* Commit, analyse, print: what follows a good seal of capture. The exit status. */
int kan_job_finish(struct kan_job *j, struct kan_capture_result *c);
/* Nothing was sealed. */
int kan_job_say_failed(struct kan_job *j, const struct kan_capture_result *c, struct kan_err *err);

#endif
