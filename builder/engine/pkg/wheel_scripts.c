#include "pkg/wheel_scripts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

enum { MAX_SCRIPTS = 10000 };

static struct pkg_script *append(struct eb_arena *arena, struct pkg_scripts *s)
{
	/* Few: doubling by hand in an arena would be more than this. */
	struct pkg_script *v = eb_arena_alloc(arena, (s->n + 1) * sizeof(*v));

	if (s->n)
		memcpy(v, s->v, s->n * sizeof(*v));
	s->v = v;
	return &s->v[s->n++];
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Names joined by dots; anything that is no letter of ASCII must be part of one (Python allows
 * others too, but no program is called so). */
static bool is_dotted(struct eb_span s)
{
	struct eb_span part;

	if (!s.len || s.ptr[s.len - 1] == '.')
		return false;
	while (eb_span_next(&s, '.', &part)) {
		if (!part.len || (part.ptr[0] >= '0' && part.ptr[0] <= '9'))
			return false;
		for (size_t i = 0; i < part.len; i++)
			if (!is_word(part.ptr[i]))
				return false;
	}
	return true;
}

static bool is_file_name(struct eb_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_word(s.ptr[i]) && !strchr("-.+", s.ptr[i]))
			return false;
	return s.len && s.len < 200 && s.ptr[0] != '.' && s.ptr[0] != '-';
}

/* "module:object [extra]": the extra is history and means nothing any more. */
static bool split_object(struct eb_span v, struct eb_span *module, struct eb_span *object)
{
	const char *extra = memchr(v.ptr, '[', v.len);

	if (extra)
		v = eb_span_trim((struct eb_span){ v.ptr, (size_t)(extra - v.ptr) });
	if (!eb_span_next(&v, ':', module))
		return false;
	*module = eb_span_trim(*module);
	*object = eb_span_trim(v);
	return is_dotted(*module) && is_dotted(*object);
}

static const char *make_script(struct eb_arena *arena, const char *python, struct eb_span module,
			       struct eb_span object)
{
	int first = (int)strcspn(object.ptr, ".");

	if ((size_t)first > object.len)
		first = (int)object.len;
	return eb_arena_printf(arena,
			       "#!%s\n"
			       "import sys\n"
			       "\n"
			       "from %.*s import %.*s\n"
			       "\n"
			       "sys.exit(%.*s())\n",
			       python, (int)module.len, module.ptr, first, object.ptr,
			       (int)object.len, object.ptr);
}

static int take_line(struct eb_arena *arena, struct eb_span line, const char *python,
		     struct pkg_scripts *s, struct eb_error **err)
{
	struct eb_span value = line, name, module, object;
	autofree char *text = eb_xstrndup(line.ptr, line.len), *shown = eb_printable(text, 80);
	struct pkg_script *script;

	if (!eb_span_next(&value, '=', &name) ||
	    !split_object(eb_span_trim(value), &module, &object))
		return eb_throw(err, EB_E_FORMAT, "'%s': expected NAME = MODULE:OBJECT", shown);
	name = eb_span_trim(name);
	if (!is_file_name(name))
		return eb_throw(err, EB_E_FORMAT, "'%s': no name for a program", shown);
	if (s->n == MAX_SCRIPTS)
		return eb_throw(err, EB_E_LIMIT, "more than %u programs",
				(unsigned int)MAX_SCRIPTS);
	script = append(arena, s);
	*script = (struct pkg_script){ eb_arena_strndup(arena, name.ptr, name.len),
				       make_script(arena, python, module, object), SIZE_MAX };
	return 0;
}

int pkg_scripts_entry_points(struct eb_arena *arena, const char *text, const char *python,
			     struct pkg_scripts *s, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(text), line;
	bool wanted = false;

	for (size_t n = 1; eb_span_next(&rest, '\n', &line); n++) {
		int r = 0;

		line = eb_span_trim(line);
		if (!line.len || line.ptr[0] == '#' || line.ptr[0] == ';')
			continue;
		if (line.ptr[0] == '[')
			wanted = eb_span_eq(line, "[console_scripts]") ||
				 eb_span_eq(line, "[gui_scripts]");
		else if (wanted)
			r = take_line(arena, line, python, s, err);
		if (r < 0)
			return eb_prefix(err, r, "entry_points.txt:%zu", n);
	}
	return 0;
}

int pkg_scripts_rewritten(struct eb_arena *arena, const char *scripts, const char *python,
			  struct pkg_scripts *s, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(scripts), line, word;

	while (eb_span_next(&rest, '\n', &line)) {
		uint64_t member, bytes;

		if (!eb_span_word(&line, &word) ||
		    eb_parse_u64(word, UINT32_MAX, &member, NULL) < 0 ||
		    !eb_span_word(&line, &word) || eb_parse_u64(word, rest.len, &bytes, NULL) < 0)
			return eb_throw(err, EB_E_FORMAT, "the kept scripts are damaged");
		*append(arena, s) = (struct pkg_script){
			NULL,
			eb_arena_printf(arena, "#!%s\n%.*s", python, (int)bytes, rest.ptr),
			(size_t)member,
		};
		rest.ptr += bytes;
		rest.len -= (size_t)bytes;
	}
	return 0;
}
