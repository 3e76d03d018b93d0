/* Part of load.c: when to read the clocks, and what they said. */
struct mark {
    double time, cpu, own;
    long long done, received, sent;
};
static clockid_t peer_clock;
static struct mark from;
static double deadline;

static struct mark take_mark(void) {
    struct mark m = {clock_of(CLOCK_MONOTONIC), clock_of(peer_clock),
                     clock_of(CLOCK_PROCESS_CPUTIME_ID), done, received_bytes, sent_bytes};
    return m;
}

static void start_clock(void) {
    if (clock_getcpuclockid(opt.pid, &peer_clock)) fail("no CPU clock for pid %d", opt.pid);
    deadline = clock_of(CLOCK_MONOTONIC) + opt.warm;
}

static void report(long rss_pages) {
    struct mark to = take_mark();
    printf("{\"messages\": %lld, \"seconds\": %.9f, \"cpu\": %.9f, \"load_cpu\": %.9f, "
           "\"received\": %lld, \"sent\": %lld, \"rss\": %ld}\n",
           to.done - from.done, to.time - from.time, to.cpu - from.cpu, to.own - from.own,
           to.received - from.received, to.sent - from.sent, rss_pages * sysconf(_SC_PAGESIZE));
}

/* Called whenever a burst is complete. Every connection has its turn before the first mark,
 * for the first message of each may be a dear one, and again before the second. */
static void tick(void) {
    double now = clock_of(CLOCK_MONOTONIC);
    if (now >= deadline ? done - from.done < opt.conns : done - from.done < opt.limit) return;
    if (from.time) {
        finished = 1;
    } else if (now >= deadline) {
        from = take_mark();
        deadline = now + opt.seconds;
    }
}

/* Waits until the program under test has nothing more to do. */
static void await_rest(void) {
    double before, after;
    do {
        before = clock_of(peer_clock);
        nanosleep(&(struct timespec){0, REST}, NULL);
        after = clock_of(peer_clock);
    } while (after - before > 0.0005);
}
