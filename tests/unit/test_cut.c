#include "image/cut.h"
#include "testlib.h"

enum { MAX_ITEMS = 4096 };

static uint64_t state;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Sizes as packages have them: most files are small, a few hold most of the bytes, and every
 * fifth member is a directory or link without data. */
static uint64_t package_size(void)
{
	uint64_t r = next_random(), kind = r % 100;

	r >>= 8;
	if (kind < 20)
		return 512;
	if (kind < 60)
		return 512 + 512 * (1 + r % 16);
	if (kind < 85)
		return 512 + 512 * (1 + r % 128);
	if (kind < 97)
		return 512 + 512 * (1 + r % 512);
	return 512 + 512 * (1 + r % 8000);
}

struct list {
	struct oci_cut_item items[MAX_ITEMS];
	char names[MAX_ITEMS][40];
	size_t n;
};

static void list_make(struct list *l, size_t n)
{
	uint64_t salt = next_random();

	l->n = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(l->names[i], sizeof(l->names[i]), "usr/%zu-%llx", i,
			 (unsigned long long)(salt & 0xffffffff));
		l->items[i] = (struct oci_cut_item){ l->names[i], package_size() };
	}
}

/* A block as the list of its members. */
struct block {
	uint64_t print, bytes;
	size_t members;
	bool own; /* holds the member in question */
};

static size_t blocks_of(const struct oci_cut_item *items, size_t n, const char *own,
			struct block *out)
{
	static bool cut[MAX_ITEMS];
	size_t k = 0;

	oci_cut_plan(items, n, cut);
	for (size_t i = 0; i < n; i++) {
		struct block *b;

		if (cut[i])
			out[k++] = (struct block){ 0 };
		b = &out[k - 1];
		for (const char *s = items[i].path; *s; s++)
			b->print = (b->print ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
		b->print = (b->print ^ items[i].bytes) * UINT64_C(0x100000001b3) + 1;
		b->bytes += items[i].bytes;
		b->members++;
		b->own |= own && strcmp(items[i].path, own) == 0;
	}
	return k;
}

/* How many blocks of `now` are not in `before`, the one that holds the member left aside. */
static size_t changed(const struct block *before, size_t nb, const struct block *now, size_t nn)
{
	size_t count = 0, j;

	for (size_t i = 0; i < nn; i++) {
		if (now[i].own)
			continue;
		for (j = 0; j < nb && before[j].print != now[i].print; j++)
			;
		count += j == nb;
	}
	return count;
}

/* The rule of cut.h, word by word. */
static void plan_slowly(const struct oci_cut_item *items, const uint64_t *prio, const uint64_t *off,
			size_t lo, size_t hi, bool *cut)
{
	size_t at = lo;

	(void)items;
	if (off[hi] - off[lo] <= OCI_BLOCK_MAX || hi - lo < 2)
		return;
	for (size_t i = lo + 1; i < hi; i++)
		if (at == lo || prio[i] < prio[at])
			at = i;
	cut[at] = true;
	plan_slowly(items, prio, off, lo, at, cut);
	plan_slowly(items, prio, off, at, hi, cut);
}

static uint64_t slow_priority(const struct oci_cut_item *item)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *s = item->path; *s; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (h ^ (h >> 31)) / (item->bytes / 512);
}

static void plan_by_the_book(const struct oci_cut_item *items, size_t n, bool *cut)
{
	static uint64_t prio[MAX_ITEMS], off[MAX_ITEMS + 1];

	off[0] = 0;
	for (size_t i = 0; i < n; i++) {
		prio[i] = slow_priority(&items[i]);
		off[i + 1] = off[i] + items[i].bytes;
	}
	for (size_t i = 0; i < n; i++) {
		cut[i] = i == 0 || items[i].bytes > OCI_BLOCK_MAX ||
			 items[i - 1].bytes > OCI_BLOCK_MAX;
	}
	for (size_t lo = 0, hi; lo < n; lo = hi) {
		for (hi = lo + 1;
		     hi < n && items[lo].bytes <= OCI_BLOCK_MAX && items[hi].bytes <= OCI_BLOCK_MAX;
		     hi++)
			;
		for (size_t i = lo + 1; i < hi; i++) {
			bool min = off[i] - off[lo] > OCI_CUT_RADIUS &&
				   off[hi] - off[i] > OCI_CUT_RADIUS;

			for (size_t j = lo + 1; min && j < hi; j++) {
				if (j < i && off[i] - off[j] <= OCI_CUT_RADIUS)
					min = prio[j] > prio[i];
				if (j > i && off[j] - off[i] <= OCI_CUT_RADIUS)
					min = prio[j] >= prio[i];
			}
			cut[i] = min;
		}
	}
	for (size_t lo = 0, hi; lo < n; lo = hi) {
		for (hi = lo + 1; hi < n && !cut[hi]; hi++)
			;
		plan_slowly(items, prio, off, lo, hi, cut);
	}
}

TEST(cut, plan_follows_the_written_rule)
{
	static struct list l;
	static bool got[MAX_ITEMS], want[MAX_ITEMS];

	state = 42;
	for (int round = 0; round < 150; round++) {
		list_make(&l, 1 + next_random() % 400);
		for (size_t i = 0; i < l.n; i++) {
			if (round % 3 == 1) /* few and large: many parts without a natural cut */
				l.items[i].bytes = 512 * (1 + next_random() % 12000);
			if (round % 5 == 2 && next_random() % 40 == 0)
				l.items[i].bytes = OCI_BLOCK_MAX + 512;
			if (round % 7 == 3) /* ties */
				l.items[i] = (struct oci_cut_item){ "same", 100 * 512 };
		}
		oci_cut_plan(l.items, l.n, got);
		plan_by_the_book(l.items, l.n, want);
		for (size_t i = 0; i < l.n; i++)
			CHECK_INT(got[i], want[i]);
	}
}

TEST(cut, plan_bounds_blocks)
{
	static struct list l;
	static struct block b[MAX_ITEMS];
	uint64_t total = 0, count = 0;

	state = 7;
	for (int round = 0; round < 60; round++) {
		size_t k;

		list_make(&l, 2000 + next_random() % 2000);
		k = blocks_of(l.items, l.n, NULL, b);
		for (size_t i = 0; i < k; i++) {
			CHECK(b[i].bytes <= OCI_BLOCK_MAX || b[i].members == 1);
			total += b[i].bytes;
			count++;
		}
	}
	CHECK(total / count > 3 << 20);
	CHECK(total / count < 5 << 20);
}

TEST(cut, plan_gives_huge_members_blocks_of_their_own)
{
	struct oci_cut_item items[] = { { "a", 1024 },
					{ "b", 1024 },
					{ "c", OCI_BLOCK_MAX + 1 },
					{ "d", 1024 },
					{ "e", OCI_BLOCK_MAX },
					{ "f", OCI_BLOCK_MAX + 1 },
					{ "g", UINT64_C(1) << 40 },
					{ "h", 512 } };
	bool want[] = { true, false, true, true, true, true, true, true }, cut[8];

	oci_cut_plan(items, EB_ARRAY_LEN(items), cut);
	for (size_t i = 0; i < EB_ARRAY_LEN(items); i++)
		CHECK_INT(cut[i], want[i]);
	oci_cut_plan(NULL, 0, NULL);
	cut[0] = false;
	oci_cut_plan(items, 1, cut);
	CHECK(cut[0]);
}

/* Insert, remove or change one member of a random list; returns how many other blocks of the new
 * list are new. After a removal the block where the member was counts as its own. */
static size_t one_change(int how)
{
	static struct list l;
	static struct oci_cut_item other[MAX_ITEMS];
	static struct block before[MAX_ITEMS], now[MAX_ITEMS];
	size_t x, kb, kn, n, count;
	const char *own;

	list_make(&l, 300 + next_random() % 1200);
	x = next_random() % l.n;
	own = l.items[x].path;
	memcpy(other, l.items, l.n * sizeof(*other));
	n = l.n;
	if (how < 2) {
		memmove(other + x, other + x + 1, (n - x - 1) * sizeof(*other));
		n--;
	} else {
		other[x].bytes = next_random() % 2 ? package_size() : other[x].bytes + 512;
	}
	kb = blocks_of(how == 0 ? other : l.items, how == 0 ? n : l.n, own, before);
	kn = blocks_of(how == 0 ? l.items : other, how == 0 ? l.n : n, own, now);
	count = changed(before, kb, now, kn);
	return how == 1 && count > 0 ? count - 1 : count;
}

TEST(cut, plan_one_change_touches_at_most_two_other_blocks)
{
	size_t most = 0, more = 0;

	state = 99;
	for (int round = 0; round < 3000; round++) {
		size_t count = one_change(round % 3);

		most = count > most ? count : most;
		more += count > 1;
	}
	CHECK(most <= 2);
	CHECK(more < 30); /* and hardly ever more than one */
}

TEST(cut, plan_takes_two_million_hostile_members)
{
	enum { N = 2000000 };
	autofree struct oci_cut_item *items = eb_xcalloc(N, sizeof(*items));
	autofree bool *cut = eb_xcalloc(N, sizeof(*cut));
	size_t cuts = 0;

	/* Equal priorities everywhere, then strictly growing ones: the deepest stack. */
	for (size_t i = 0; i < N; i++)
		items[i] = (struct oci_cut_item){ "x", 1024 };
	oci_cut_plan(items, N, cut);
	for (size_t i = 0; i < N; i++)
		cuts += cut[i];
	CHECK(cuts >= N / (OCI_BLOCK_MAX / 1024));
	for (size_t i = 0; i < N; i++)
		items[i].bytes = 512 * (1 + (N - i) / 300);
	oci_cut_plan(items, N, cut);
	CHECK(cut[0]);
}

/* Lengths of the blocks of data, fed in pieces of `piece` bytes. */
static size_t roll(const uint8_t *p, size_t n, size_t piece, size_t *lengths)
{
	struct oci_cut_rolling c = { 0 };
	size_t k = 0, length = 0;

	for (size_t done = 0; done < n;) {
		size_t part = n - done < piece ? n - done : piece;
		bool cut;
		size_t used = oci_cut_rolling_next(&c, p + done, part, &cut);

		done += used;
		length += used;
		if (cut) {
			lengths[k++] = length;
			length = 0;
		}
	}
	if (length)
		lengths[k++] = length;
	return k;
}

TEST(cut, rolling_finds_the_same_cuts_after_an_insertion)
{
	enum { N = 96 << 20, AT = 40 << 20, EXTRA = 1000 };
	autofree uint8_t *p = eb_xmalloc(N + EXTRA);
	size_t a[64], b[64], na, nb, same = 0;
	uint64_t sum = 0;

	state = 2026;
	for (size_t i = 0; i < N; i += 8) {
		uint64_t r = next_random();

		memcpy(p + i, &r, 8);
	}
	na = roll(p, N, N, a);
	nb = roll(p, N, 4093, b);
	CHECK_INT(na, nb);
	for (size_t i = 0; i < na; i++) {
		CHECK_INT(a[i], b[i]);
		CHECK(a[i] <= OCI_BLOCK_MAX);
		CHECK(i + 1 == na || a[i] >= OCI_ROLLING_MIN);
		sum += a[i];
	}
	CHECK(sum / na > 3 << 20);
	CHECK(sum / na < 5 << 20);
	memmove(p + AT + EXTRA, p + AT, N - AT);
	nb = roll(p, N + EXTRA, 1 << 20, b);
	while (same < na && same < nb && a[na - 1 - same] == b[nb - 1 - same])
		same++;
	CHECK(same + 1 >= na / 2); /* the tail falls into step again */
	for (size_t i = 0, done = 0; done + a[i] <= AT; done += a[i++])
		CHECK_INT(a[i], b[i]);
}

TEST(cut, rolling_of_constant_bytes_stays_within_the_maximum)
{
	autofree uint8_t *p = eb_xcalloc(1, 20 << 20);
	size_t a[64], n = roll(p, 20 << 20, 100000, a);

	for (size_t i = 0; i < n; i++)
		CHECK(a[i] <= OCI_BLOCK_MAX);
	CHECK(n >= 3);
}
