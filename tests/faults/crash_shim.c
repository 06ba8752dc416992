/* Ends a process in the middle of what it writes: preloaded into the processes under test.
 *
 * Every call that changes a regular file or makes it durable is counted; on demand, every
 * message to a server, too. When the armed count is
 * reached the process ends by SIGKILL before the call (KILL), after half of its bytes (TORN), or
 * as after a power cut (POWER_CUT): everything that was written and not yet synced is undone
 * first. Memory maps, names in directories and files under /dev are not undone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KILL = 0, TORN = 1, POWER_CUT = 2 };

struct undo {
    int descriptor;
    dev_t device;
    ino_t inode;
    off_t offset, size;
    size_t length;
    char *before;
    struct undo *older;
};

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static long armed, calls;
static int manner, counting;
static struct undo *newest;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void crash_arm(long at, int how) { calls = 0; armed = at; manner = how; counting = 1; }
long crash_calls(void) { return calls; }

static int regular(int descriptor, struct stat *status) {
    return fstat(descriptor, status) == 0 && S_ISREG(status->st_mode);
}

static void end(void) {
    if (manner == POWER_CUT)
        for (struct undo *each = newest; each; each = each->older) {
            if (each->length) REAL(pwrite)(each->descriptor, each->before, each->length, each->offset);
            if (REAL(ftruncate)(each->descriptor, each->size)) _exit(99);
        }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void remember(int descriptor, const struct stat *status, off_t offset, size_t length) {
    struct undo *entry = calloc(1, sizeof *entry);
    for (struct undo *each = newest; each; each = each->older)
        if (each->inode == status->st_ino && each->device == status->st_dev)
            entry->descriptor = each->descriptor;
    if (!entry->descriptor) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        entry->descriptor = open(path, O_RDWR | O_CLOEXEC);
    }
    entry->device = status->st_dev, entry->inode = status->st_ino;
    entry->offset = offset, entry->size = status->st_size;
    if (offset < status->st_size) {
        entry->length = length;
        if (offset + (off_t)length > status->st_size) entry->length = status->st_size - offset;
        entry->before = malloc(entry->length);
        ssize_t had = pread(entry->descriptor, entry->before, entry->length, offset);
        if (had < 0) entry->length = 0;
    }
    entry->older = newest, newest = entry;
}

static void synced(const struct stat *status) {
    struct undo **link = &newest;
    while (*link) {
        struct undo *each = *link;
        if (each->inode != status->st_ino || each->device != status->st_dev) {
            link = &each->older;
            continue;
        }
        *link = each->older;
        free(each->before);
        free(each);
    }
}

/* Returns whether this is the call to die in. */
static int reached(void) { return counting && ++calls == armed; }

static ssize_t writing(int descriptor, const void *bytes, size_t length, off_t offset, int placed) {
    struct stat status;
    ssize_t done;
    if (!counting || !regular(descriptor, &status))
        return placed ? REAL(pwrite)(descriptor, bytes, length, offset)
                      : REAL(write)(descriptor, bytes, length);
    pthread_mutex_lock(&guard);
    if (!placed) {
        offset = lseek(descriptor, 0, SEEK_CUR);
        if (fcntl(descriptor, F_GETFL) & O_APPEND) offset = status.st_size;
    }
    if (manner == POWER_CUT) remember(descriptor, &status, offset, length);
    int last = reached();
    if (last && manner != TORN) end();
    if (last) length /= 2;
    done = placed ? REAL(pwrite)(descriptor, bytes, length, offset)
                  : REAL(write)(descriptor, bytes, length);
    if (last) end();
    pthread_mutex_unlock(&guard);
    return done;
}

ssize_t write(int d, const void *b, size_t n) { return writing(d, b, n, 0, 0); }
ssize_t pwrite(int d, const void *b, size_t n, off_t o) { return writing(d, b, n, o, 1); }
ssize_t pwrite64(int d, const void *b, size_t n, off64_t o) { return writing(d, b, n, o, 1); }

#define SYNC(name)                                                                             \
    int name(int descriptor) {                                                                 \
        struct stat status;                                                                    \
        if (!counting || !regular(descriptor, &status)) return REAL(name)(descriptor);         \
        pthread_mutex_lock(&guard);                                                            \
        if (reached()) end();                                                                  \
        int result = REAL(name)(descriptor);                                                   \
        if (result == 0) synced(&status);                                                      \
        pthread_mutex_unlock(&guard);                                                          \
        return result;                                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

static int truncating(int descriptor, off_t length) {
    struct stat status;
    if (!counting || !regular(descriptor, &status)) return REAL(ftruncate)(descriptor, length);
    pthread_mutex_lock(&guard);
    if (manner == POWER_CUT)
        remember(descriptor, &status, length, length < status.st_size ? status.st_size - length : 0);
    if (reached()) end();
    int result = REAL(ftruncate)(descriptor, length);
    pthread_mutex_unlock(&guard);
    return result;
}
int ftruncate(int d, off_t n) { return truncating(d, n); }
int ftruncate64(int d, off64_t n) { return truncating(d, n); }

#define NAMES(name, parameters, arguments)                                                     \
    int name parameters {                                                                      \
        if (counting) {                                                                        \
            pthread_mutex_lock(&guard);                                                        \
            if (reached()) end();                                                              \
            pthread_mutex_unlock(&guard);                                                      \
        }                                                                                      \
        return REAL(name) arguments;                                                           \
    }
NAMES(rename, (const char *from, const char *to), (from, to))
NAMES(renameat, (int d, const char *from, int e, const char *to), (d, from, e, to))
NAMES(link, (const char *from, const char *to), (from, to))
NAMES(linkat, (int d, const char *from, int e, const char *to, int f), (d, from, e, to, f))
NAMES(unlink, (const char *path), (path))
NAMES(unlinkat, (int d, const char *path, int f), (d, path, f))

/* What a database server is told is counted too, where that is where the work goes. */
static int telling;

void crash_sends(void) { telling = 1; }

ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    if (!counting || !telling) return REAL(send)(descriptor, bytes, length, flags);
    pthread_mutex_lock(&guard);
    int last = reached();
    if (last && manner != TORN) end();
    if (last) length /= 2;
    ssize_t done = REAL(send)(descriptor, bytes, length, flags);
    if (last) end();
    pthread_mutex_unlock(&guard);
    return done;
}

/* The time of day jumps back and forth by years from one call to the next. */
static int jumping;
static unsigned long jumps;

void crash_clock(void) { jumping = 1; }

int clock_gettime(clockid_t clock, struct timespec *time) {
    static const long days[] = {0, -1100, 1800, -1, 400, -30};
    int result = REAL(clock_gettime)(clock, time);
    if (jumping && clock == CLOCK_REALTIME && result == 0)
        time->tv_sec += days[jumps++ % (sizeof days / sizeof *days)] * 86400;
    return result;
}
