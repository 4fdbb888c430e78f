/* The words of capture: its options, and what each may say. Each refusal is said on stderr. */
#ifndef KAN_CLI_CAPTURE_ARGS_H
#define KAN_CLI_CAPTURE_ARGS_H

#include "capture/capture.h"
#include "cli/cmd.h"

extern const struct kan_option kan_capture_options[], kan_quarantine_options[];

/* How it is collected. -1: a word or number that is none. */
int kan_capture_policy(struct kan_capture_request *r, const struct kan_args *a);
/* --operator 'NAME <EMAIL>'; both stay as they are without it. Yours to free. */
int kan_capture_operator(char **name, char **email, const struct kan_args *a);

#endif
