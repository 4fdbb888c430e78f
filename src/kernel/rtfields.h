/* Inside the RTNETLINK decoders: fields that the kinds share. */
#ifndef KAN_KERNEL_RTFIELDS_H
#define KAN_KERNEL_RTFIELDS_H

#include "base/row.h"
#include "kernel/netlink.h"
#include "kernel/rtnetlink.h"

/* Behind a fixed header. Each writes nothing when the attribute is not there. */
void kan_rt_int(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type);
void kan_rt_text(struct kan_row *r, const char *key, const struct kan_attrs *a,
		 uint16_t type); /* NUL-terminated */
void kan_rt_address(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type);
void kan_rt_ip(struct kan_row *r, const char *key, struct kan_bytes v); /* 4 or 16 octets */
void kan_rt_mac(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type);
void kan_rt_family(struct kan_row *r, unsigned family);
/* words[value], or the number when there is no word. */
void kan_rt_word(struct kan_row *r, const char *key, const char *const *words, size_t n,
		 unsigned value);

/* "raw": in hex, cut at KAN_RT_RAW_MAX. */
void kan_rt_raw(struct kan_row *r, struct kan_bytes v);

int kan_rt_link(struct kan_row *r, struct kan_bytes payload, struct kan_err *err);
int kan_rt_tc(struct kan_row *r, enum kan_rt_kind kind, struct kan_bytes payload,
	      struct kan_err *err);
int kan_rt_route(struct kan_row *r, struct kan_bytes payload, struct kan_err *err);

#endif
