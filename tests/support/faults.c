/* Calls of the system that fail on demand, in a process that loads this first (LD_PRELOAD).
   Where the folder $TEST_FAULTS holds a file named for a call, with "<errno> <part of a path>", the call fails so; it
   never returns where the number is -1. The path of an open file ends with a line break, which tells a folder from what
   is in it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fault(const char *call, const char *path) {
    int before = errno;
    char name[512], text[256], *part;
    snprintf(name, sizeof name, "%s/%s", getenv("TEST_FAULTS"), call);
    int file = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
    errno = before;
    if (file < 0) return 0;
    long size = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    text[size > 0 ? size : 0] = 0;
    int number = strtol(text, &part, 10);
    errno = before;
    if (!strstr(path, part + (*part == ' '))) return 0;
    while (number < 0) pause();
    return number;
}

static int fault_of(const char *call, int file) {
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long size = readlink(link, path, sizeof path - 2);
    strcpy(path + (size > 0 ? size : 0), "\n");
    return fault(call, path);
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(number) do { int failed = (number); if (failed) { errno = failed; return -1; } } while (0)

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x) {
    int failed = fault("pthread_create", "");
    return failed ? failed : REAL(pthread_create)(t, a, f, x);
}
int kill(pid_t process, int number) { FAIL(fault("kill", "")); return REAL(kill)(process, number); }
int fsync(int file) { FAIL(fault_of("sync", file)); return REAL(fsync)(file); }
int fdatasync(int file) { FAIL(fault_of("sync", file)); return REAL(fdatasync)(file); }
int access(const char *path, int mode) { FAIL(fault("access", path)); return REAL(access)(path, mode); }
ssize_t write(int file, const void *data, size_t size) { FAIL(fault_of("write", file)); return REAL(write)(file, data, size); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { FAIL(fault_of("write", file)); return REAL(pwrite64)(file, data, size, at); }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        FAIL(fault("open", path)); \
        return REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
