/* image: the image as it lies on this host, the side to compare with; computed in every capture. */
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "base/clock.h"
#include "evidence/channel.h"
#include "evidence/spool.h"
#include "image/baseline.h"
#include "image/imaged.h"
#include "image/integrity.h"
#include "image/layers.h"
#include "image/package.h"
#include "image/packages.h"

/* What is left of the collector's time when it reads no more: for rows and gaps to be written. */
enum { CLOSE_S = 60, NS_PER_S = 1000000000 };

static const char *const artefacts[] = {
	"layers.ndjson", "config.json", "pkgdb.tar",        "baseline.ndjson",
	"ghosts.ndjson", "ghosts.tar",  "integrity.ndjson", NULL};
static const struct kan_limit limits[] = {{"config_octets", KAN_IMAGE_CONFIG_MAX, false},
					  {"package_file_octets", KAN_PACKAGES_FILE, false},
					  {"package_files", KAN_PACKAGES_FILES, false},
					  {"entries", KAN_BASELINE_ENTRIES, false},
					  {"integrity_entries", KAN_INTEGRITY_ENTRIES, false},
					  {"tar_split_octets", KAN_INTEGRITY_SPLIT_MAX, false},
					  {"ghost_file_octets", KAN_GHOST_FILE, true},
					  {"ghost_octets", KAN_GHOST_TOTAL, true},
					  {"stream_octets", KAN_IMAGED_STREAM, false},
					  {NULL, 0, false}};

static int take_files(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	uint64_t rows = 0;
	const char *manager = NULL;
	if (kan_packages_take(&manager, t, sink, KAN_PACKAGES_TOTAL, err) < 0)
		return -1;
	if (!t->policy->image_full) {
		kan_sink_scope(sink, KAN_LIT("baseline.ndjson"), "--image none");
		return 0;
	}
	size_t sum = t->policy->verify_image ? kan_pkg_manager_sum(manager) : 0;
	int rc = kan_baseline_take(&rows, sum, t, sink, err);
	kan_sink_items(sink, rows);
	return rc;
}

static int by_engine(const struct kan_target *t, int64_t until_ns, struct kan_sink *sink,
		     struct kan_err *err)
{
	uint64_t rows = 0;
	struct kan_imaged_room to = {.fd = -1, .until_ns = until_ns};
	if (!t->policy->image_full) {
		kan_sink_scope(sink, KAN_LIT("baseline.ndjson"), "--image none");
		/* One option rules out what the other asks for. */
		if (t->policy->reference || t->policy->verify_image)
			kan_sink_gap(sink, KAN_LIT("integrity.ndjson"), KAN_GAP_UNSUPPORTED,
				     "--image none: the engine was not asked for the image");
		return 0;
	}
	(void)kan_sink_spool(&to.fd, sink, &to.why); /* which is said with what follows from it */
	int rc = kan_imaged_take(&rows, &to, t, sink, err);
	kan_auto_close_fn(&to.fd);
	kan_sink_items(sink, rows);
	return rc;
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	const int64_t until_ns = kan_boot_ns() + (int64_t)(KAN_CHILD_AFTER_S - CLOSE_S) * NS_PER_S;
	if (t->depth == KAN_DEPTH_API)
		return by_engine(t, until_ns, sink, err);
	if (kan_layers_take(t, sink, err) < 0)
		return -1;
	if (t->n_lowers && take_files(t, sink, err) < 0)
		return -1;
	if (kan_integrity_take(t, until_ns, sink, err) < 0)
		return -1;
	if (t->n_lowers)
		return 0;
	kan_sink_gap(sink, KAN_LIT("baseline.ndjson"),
		     t->lowers_lost ? KAN_GAP_VANISHED : KAN_GAP_UNSUPPORTED,
		     "no proven lower directories (see the claims in capture.json)");
	return 0;
}

extern const struct kan_collector kan_collector_image;
const struct kan_collector kan_collector_image = {
	.name = "image",
	.summary = "the image: layers, config, packages, a digest of every file, and what layers "
		   "hide",
	.tier = KAN_TIER_AFTER,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
