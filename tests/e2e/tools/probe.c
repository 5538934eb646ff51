/* What a program finds in the container it runs in; see containers.sh. One question a run:
 *	ids | user UID | time SECONDS | certificates | resolve NAME | service NAME | mode PATH */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int certificates(void)
{
	char line[4096];
	int n = 0;
	FILE *f = fopen("/etc/ssl/certs/ca-certificates.crt", "re");

	if (!f) {
		perror("ca-certificates.crt");
		return 1;
	}
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "-----BEGIN CERTIFICATE-----") != NULL;
	(void)fclose(f);
	printf("%d certificates\n", n);
	return 0;
}

static int show_time(const char *seconds)
{
	time_t t = (time_t)strtoll(seconds, NULL, 10);
	struct tm tm;
	char text[64];

	if (!localtime_r(&t, &tm) || !strftime(text, sizeof(text), "%F %T %Z", &tm))
		return 1;
	puts(text);
	return 0;
}

#ifndef PROBE_NO_NSS /* a static program would need the library's files of its own version for     \
			these */
static int show_user(const char *uid)
{
	struct passwd *pw = getpwuid((uid_t)strtoul(uid, NULL, 10));

	if (!pw)
		return 1;
	printf("%s is %s, home %s\n", uid, pw->pw_name, pw->pw_dir);
	return 0;
}

static int resolve(const char *name)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	char text[INET_ADDRSTRLEN];
	int rc = getaddrinfo(name, NULL, &hints, &found);

	if (rc) {
		(void)fprintf(stderr, "%s: %s\n", name, gai_strerror(rc));
		return 1;
	}
	puts(inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, text,
		       sizeof(text)));
	freeaddrinfo(found);
	return 0;
}

static int service(const char *name)
{
	struct servent *s = getservbyname(name, "tcp");

	if (!s)
		return 1;
	printf("%s is %d/%s\n", s->s_name, ntohs((uint16_t)s->s_port), s->s_proto);
	return 0;
}
#endif

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "";
	struct stat st;

	if (!strcmp(what, "ids"))
		return printf("uid %u %u\n", getuid(), geteuid()) < 0;
	if (!strcmp(what, "time"))
		return show_time(arg);
	if (!strcmp(what, "certificates"))
		return certificates();
	if (!strcmp(what, "mode") && stat(arg, &st) == 0)
		return printf("%s %o\n", arg, st.st_mode & 07777u) < 0;
#ifndef PROBE_NO_NSS
	if (!strcmp(what, "user"))
		return show_user(arg);
	if (!strcmp(what, "resolve"))
		return resolve(arg);
	if (!strcmp(what, "service"))
		return service(arg);
#endif
	return 2;
}
