/* The JSON that a bundle says about itself. */
#pragma once

struct bnd_plan;
struct oci_manifest;

/* definition.json (canonical, heap): name, version, images with names, digests, platforms and the
 * packages in each, the codec. */
char *bnd_definition_json(const struct bnd_plan *p);
/* Name, version, summary, time and what bundle.yaml adds, as annotations. */
void bnd_annotate(const struct bnd_plan *p, struct oci_manifest *m);
