#include "image/inputs.h"

#include "base/mem.h"

static struct pkg_input *append(struct img_inputs *i)
{
	return &i->items[i->n++];
}

static void list_packages(const struct rcp_lock *l, const char *arch, struct eb_arena *arena,
			  struct img_inputs *to)
{
	for (size_t i = 0; i < l->n_packages; i++) {
		const struct rcp_locked_package *p = &l->packages[i];

		if (strcmp(p->arch, arch) != 0)
			continue;
		*append(to) = (struct pkg_input){
			.kind = PKG_INPUT_DEB,
			.what = eb_arena_printf(arena, "package %s %s (%s)", p->name, p->version,
						p->deb_arch),
			.name = p->name,
			.version = p->version,
			.group = p->source,
			.sha256 = p->sha256,
			.size = p->size,
		};
	}
}

void img_inputs_list(const struct img_chain *c, const char *arch, struct eb_arena *arena,
		     struct img_inputs *ret)
{
	size_t max = 0;

	for (size_t s = 0; s < c->n; s++)
		max += c->stage[s].lock->n_packages;
	*ret = (struct img_inputs){ 0 };
	ret->items = eb_xcalloc(max, sizeof(*ret->items));
	ret->asked = eb_xcalloc(max, sizeof(*ret->asked));
	ret->first = eb_xcalloc(c->n + 1, sizeof(*ret->first));
	for (size_t s = 0; s < c->n; s++) {
		ret->first[s] = ret->n;
		list_packages(c->stage[s].lock, arch, arena, ret);
	}
	ret->first[c->n] = ret->n;
}

void img_inputs_release(struct img_inputs *i)
{
	free(i->items);
	free(i->asked);
	free(i->first);
	*i = (struct img_inputs){ 0 };
}
