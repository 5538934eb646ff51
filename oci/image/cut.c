/* Cutting layers into blocks; the rules and their reasons stand in cut.h. Integers only, and no
 * libc or library function takes part in a decision: the result is the same on every machine. */
#include "image/cut.h"

#include <pthread.h>

#include "base/mem.h"

/* ---- between members ---- */

enum { TAR_BLOCK = 512 };

/* Two well-known integer mixers, written out because they are part of the format: FNV-1a over the
 * bytes of the path, then the finaliser of splitmix64 because FNV's high bits are weak. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t priority(const struct oci_cut_item *item)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325), blocks = item->bytes / TAR_BLOCK;

	for (const char *s = item->path; *s; s++) {
		h ^= (uint8_t)*s;
		h *= UINT64_C(0x100000001b3);
	}
	return mix(h) / (blocks ? blocks : 1);
}

/* A boundary that waits for the next smaller one to its right. Priorities grow from the bottom of
 * the stack to its top, so the entry below is the next smaller one to the left. */
struct waiting {
	size_t index;
	uint64_t offset, priority;
};

struct scan {
	const struct oci_cut_item *items;
	bool *cut;
	bool whole; /* rule: false = minimum within the radius, true = splits a part that is too
		     * large */
	struct waiting *stack;
	size_t depth, alloc;
};

static void scan_push(struct scan *s, struct waiting w)
{
	if (s->depth == s->alloc) {
		size_t alloc = s->alloc ? s->alloc * 2 : 64;
		struct waiting *bigger = eb_xcalloc(alloc, sizeof(*bigger));

		if (s->depth)
			memcpy(bigger, s->stack, s->depth * sizeof(*bigger));
		free(s->stack);
		s->stack = bigger;
		s->alloc = alloc;
	}
	s->stack[s->depth++] = w;
}

/* The top has found its next smaller boundary on the right: decide and drop it. */
static void scan_pop(struct scan *s, uint64_t right)
{
	struct waiting w = s->stack[--s->depth];
	uint64_t left = s->stack[s->depth - 1].offset;

	if (s->whole ? right - left > OCI_BLOCK_MAX
		     : w.offset - left > OCI_CUT_RADIUS && right - w.offset > OCI_CUT_RADIUS)
		s->cut[w.index] = true;
}

/* Decide the boundaries inside members [lo, hi); both ends count as smaller than everything. */
static void scan_part(struct scan *s, size_t lo, size_t hi)
{
	uint64_t offset = s->items[lo].bytes;

	s->depth = 0;
	scan_push(s, (struct waiting){ .index = lo });
	for (size_t i = lo + 1; i < hi; i++) {
		uint64_t p = priority(&s->items[i]);

		while (s->depth > 1 && s->stack[s->depth - 1].priority > p)
			scan_pop(s, offset);
		scan_push(s, (struct waiting){ i, offset, p });
		offset += s->items[i].bytes;
	}
	while (s->depth > 1)
		scan_pop(s, offset);
}

/* Members [lo, hi), none of them huge. */
static void cut_segment(struct scan *s, size_t lo, size_t hi)
{
	size_t from = lo;
	uint64_t bytes = 0;

	s->cut[lo] = true;
	s->whole = false;
	scan_part(s, lo, hi);
	s->whole = true;
	for (size_t i = lo; i <= hi; i++) {
		if (i == hi || (s->cut[i] && i > from)) {
			if (bytes > OCI_BLOCK_MAX)
				scan_part(s, from, i);
			from = i;
			bytes = 0;
		}
		if (i < hi)
			bytes += s->items[i].bytes;
	}
}

void oci_cut_plan(const struct oci_cut_item *items, size_t n, bool *cut_before)
{
	struct scan s = { .items = items, .cut = cut_before };
	size_t from = 0;

	if (n == 0)
		return;
	memset(cut_before, 0, n * sizeof(*cut_before));
	for (size_t i = 0; i < n; i++) {
		if (items[i].bytes <= OCI_BLOCK_MAX)
			continue;
		if (from < i)
			cut_segment(&s, from, i);
		cut_before[i] = true;
		from = i + 1;
	}
	if (from < n)
		cut_segment(&s, from, n);
	free(s.stack);
}

/* ---- inside a huge member ---- */

/* A gear hash: one table value per byte, shifted out to the left after 64 bytes. It depends on the
 * last 64 bytes only, so it need not run over the part of a block that cannot hold its end. The
 * table is the first 256 outputs of splitmix64 from seed 0. */
enum { ROLLING_WINDOW = 64, ROLLING_BITS = 21 };

static uint64_t gear[256];
static pthread_once_t gear_once = PTHREAD_ONCE_INIT;

static void gear_make(void)
{
	for (uint64_t i = 0; i < 256; i++)
		gear[i] = mix(UINT64_C(0x9e3779b97f4a7c15) * (i + 1));
}

size_t oci_cut_rolling_next(struct oci_cut_rolling *c, const void *p, size_t n, bool *ret_cut)
{
	static const uint64_t quiet = OCI_ROLLING_MIN - ROLLING_WINDOW;
	const uint8_t *bytes = p;
	size_t i = 0;

	pthread_once(&gear_once, gear_make);
	*ret_cut = false;
	if (c->length < quiet) {
		i = n < quiet - c->length ? n : (size_t)(quiet - c->length);
		c->length += i;
	}
	while (i < n) {
		c->hash = (c->hash << 1) + gear[bytes[i++]];
		c->length++;
		if (c->length == OCI_BLOCK_MAX ||
		    (c->length >= OCI_ROLLING_MIN && c->hash >> (64 - ROLLING_BITS) == 0)) {
			*c = (struct oci_cut_rolling){ 0 };
			*ret_cut = true;
			break;
		}
	}
	return i;
}
