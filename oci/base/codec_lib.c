/* Loading a library from memory. The hard part is not the loading: libzstd and libz call their own
 * exported functions through the PLT, and the program is linked with another build of the same
 * library, whose symbols come first. Measured with a program linked with 1.5.4 and an image of
 * 1.5.7: after a plain dlopen() the image's ZSTD_versionString() says 1.5.7, and its
 * ZSTD_compress2() makes the bytes of 1.5.4. RTLD_DEEPBIND puts the image's own symbols first; the
 * sanitizers' run-time libraries refuse it, and there dlmopen() does the same with a name space of
 * its own (at the price of a second libc, and of a small fixed number of them). */
#include "base/codec_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CODEC_NAMESPACE 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CODEC_NAMESPACE 1
#endif

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { IMAGE_MAX_BYTES = 64 * 1024 * 1024 /* the largest build known is 3 MiB */ };

static void *load(const char *path)
{
#ifdef CODEC_NAMESPACE
	return dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL);
#else
	return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
#endif
}

static const char *load_error(void)
{
	const char *text = dlerror();

	return text ? text : "unknown error";
}

int eb_codec_lib_system(const char *soname, struct eb_codec_lib *ret, struct eb_error **err)
{
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return eb_throw(err, EB_E_NOT_FOUND, "load %s: %s", soname, load_error());
	*ret = (struct eb_codec_lib){ handle, -1 };
	return 0;
}

static int image_fd(const char *soname, const void *image, size_t n, struct eb_error **err)
{
	autofd int fd = memfd_create(soname, MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL) /* a kernel before 6.3 does not know MFD_EXEC */
		fd = memfd_create(soname, MFD_CLOEXEC);
	if (fd < 0)
		return eb_throw_errno(err, "make a file in memory for %s", soname);
	for (size_t done = 0; done < n;) {
		ssize_t did = write(fd, (const char *)image + done, n - done);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			return eb_throw_errno(err, "write %s to memory", soname);
		done += (size_t)did;
	}
	return EB_TAKE_FD(fd);
}

int eb_codec_lib_image(const char *soname, const void *image, size_t n, struct eb_codec_lib *ret,
		       struct eb_error **err)
{
	autofd int fd = -1;
	char path[64];
	void *handle;

	if (n > IMAGE_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "%s is larger than %d bytes", soname,
				IMAGE_MAX_BYTES);
	if (n < 64 || memcmp(image, "\177ELF", 4) != 0)
		return eb_throw(err, EB_E_FORMAT, "%s is not an ELF shared object", soname);
	fd = image_fd(soname, image, n, err);
	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	handle = load(path);
	if (!handle)
		return eb_throw(err, EB_E_UNSUPPORTED, "load %s from its package: %s", soname,
				load_error());
	*ret = (struct eb_codec_lib){ handle, EB_TAKE_FD(fd) };
	return 0;
}

void eb_codec_lib_release(struct eb_codec_lib *l)
{
	if (l->handle)
		dlclose(l->handle);
	if (l->handle && l->fd >= 0)
		close(l->fd);
	*l = (struct eb_codec_lib){ .fd = -1 };
}

int eb_codec_lib_symbols(const struct eb_codec_lib *l, const char *soname,
			 const struct eb_codec_symbol *symbols, size_t n, void *table,
			 struct eb_error **err)
{
	for (size_t i = 0; i < n; i++) {
		void *symbol = dlsym(l->handle, symbols[i].name);

		if (!symbol)
			return eb_throw(err, EB_E_UNSUPPORTED, "%s has no function %s", soname,
					symbols[i].name);
		memcpy((char *)table + symbols[i].offset, &symbol, sizeof(symbol));
	}
	return 0;
}
