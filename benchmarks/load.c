/* Load generator: speaks WebSocket to one program under test, checks what comes
 * back, and reads that program's CPU clock. One thread, epoll, Linux.
 *
 * The unit of work is a burst: `--burst` consecutive messages of the prepared
 * cycle are written, and the next burst follows when everything that they should
 * cause has come back and was compared with what it must be (`--depth` bursts may
 * be under way). The CPU clocks are read at burst boundaries only.
 *
 * See README.rst for the options; the last line printed is a JSON object.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, FIN = 0x80, RSV1 = 0x40, MASKED = 0x80 };
enum { MAX_HEADER = 14, CHUNK = 256 * 1024, HTTP_MAX = 8192, PATIENCE = 40,
       REST = 100000000 /* ns */ };
static const unsigned char TAIL[4] = {0x00, 0x00, 0xff, 0xff}; /* RFC 7692 7.2.1 */
static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ=="; /* the example of RFC 6455 1.3 */

struct message {
    unsigned char *data;
    size_t size;
};

struct cycle { /* all messages as one run of frames */
    unsigned char *wire;
    size_t *start; /* of each message in wire; one more for the end */
};

struct conn {
    int fd, writing;
    SSL *ssl;
    const unsigned char *out; /* what is left of the burst being written */
    size_t out_size;
    size_t sent, received; /* position in the cycle */
    int laps;              /* how often the cycle was sent */
    int under_way;         /* bursts */
    int copies;            /* of the message expected now that were seen */
    long long counted;     /* messages that the peer acknowledged */
    unsigned char header[MAX_HEADER];
    size_t have, need;            /* of header */
    uint64_t left, masked_at;     /* of the frame's payload */
    size_t at;                    /* position in the expected message */
    z_stream *inflate;
};

static struct {
    const char *path;
    int port, listen, tls, text, deflate, fanout, ack, idle, handshakes, spin;
    int conns, burst, depth, copies, think /* microseconds */;
    long long limit;
    double seconds, warm;
    pid_t pid;
} opt = {.path = "/", .conns = 1, .burst = 1, .depth = 1, .copies = 1, .limit = 1LL << 62,
         .seconds = 1.0, .warm = 0.2};

static struct message *messages;
static size_t n_messages;
static struct cycle cycles[2]; /* compressed: the first lap, every later lap */
static int window_bits = 15, no_takeover, epoll_fd;
static SSL_CTX *tls_context;
static struct conn *conns;
static long long done, received_bytes, sent_bytes;
static int fanout_left, finished;

static void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    exit(1);
}

static double clock_of(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t)) fail("the CPU clock cannot be read: %s", strerror(errno));
    return t.tv_sec + t.tv_nsec * 1e-9;
}

#include "load_clock.h"
#include "load_frames.h"

/* ---- bytes ------------------------------------------------------------- */

static ssize_t would_block(SSL *ssl, int n) {
    int e = SSL_get_error(ssl, n);
    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

/* Bytes moved, -1 when it would block, 0 when the connection is gone. */
static ssize_t get(struct conn *c, void *p, size_t size) {
    ssize_t n = c->ssl ? SSL_read(c->ssl, p, size) : recv(c->fd, p, size, 0);
    if (n > 0) received_bytes += n;
    else if (c->ssl) n = would_block(c->ssl, n);
    else if (n < 0 && errno != EAGAIN) n = 0;
    return n;
}

static ssize_t put(struct conn *c, const void *p, size_t size) {
    ssize_t n = c->ssl ? SSL_write(c->ssl, p, size) : send(c->fd, p, size, MSG_NOSIGNAL);
    if (n > 0) sent_bytes += n;
    else if (c->ssl) n = would_block(c->ssl, n);
    else if (errno != EAGAIN) n = 0;
    return n;
}

static void watch(struct conn *c, int op, int writing) {
    struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll_fd, op, c->fd, &e)) fail("epoll_ctl: %s", strerror(errno));
    c->writing = writing;
}

static void flush(struct conn *c) {
    while (c->out_size) {
        ssize_t n = put(c, c->out, c->out_size);
        if (!n) fail("connection lost while sending");
        if (n < 0) break;
        c->out += n, c->out_size -= n;
    }
    if (c->writing != !!c->out_size) watch(c, EPOLL_CTL_MOD, !!c->out_size);
}

static void send_bursts(struct conn *c) {
    while (!c->out_size && c->under_way < opt.depth) {
        struct cycle *cycle = &cycles[opt.deflate && c->laps];
        c->out = cycle->wire + cycle->start[c->sent];
        c->out_size = cycle->start[c->sent + opt.burst] - cycle->start[c->sent];
        c->sent += opt.burst;
        if (c->sent == n_messages) c->sent = 0, c->laps++;
        c->under_way++;
        flush(c);
    }
}

/* ---- what comes back --------------------------------------------------- */

static void burst_done(struct conn *c) {
    c->under_way--;
    tick();
    if (opt.think) nanosleep(&(struct timespec){0, opt.think * 1000L}, NULL);
    if (!finished) send_bursts(c);
}

static void message_done(struct conn *c) {
    c->at = 0;
    if (opt.ack) {
        c->counted += opt.burst, done += opt.burst;
        burst_done(c);
        return;
    }
    done++;
    if (++c->copies < opt.copies) return;
    c->copies = 0;
    c->received = (c->received + 1) % n_messages;
    if (opt.fanout) {
        if (--fanout_left) return;
        fanout_left = opt.conns;
        burst_done(conns);
    } else if (c->received % opt.burst == 0) {
        burst_done(c);
    }
}

static void compare(struct conn *c, const unsigned char *p, size_t size) {
    char count[24];
    struct message *m = &messages[c->received], ack;
    if (opt.ack) {
        ack.size = sprintf(count, "%lld", c->counted + opt.burst);
        ack.data = (unsigned char *)count;
        m = &ack;
    }
    if (c->at + size > m->size || memcmp(m->data + c->at, p, size))
        fail("wrong payload: message %zu, bytes %zu-%zu", c->received, c->at, c->at + size);
    c->at += size;
    if (!size && c->at != m->size) fail("message %zu: %zu bytes", c->received, c->at);
}

static void inflate_piece(struct conn *c, const unsigned char *p, size_t size) {
    static unsigned char plain[CHUNK];
    z_stream *z = c->inflate;
    z->next_in = (unsigned char *)p, z->avail_in = size;
    do {
        z->next_out = plain, z->avail_out = sizeof plain;
        int e = inflate(z, Z_SYNC_FLUSH);
        if (e != Z_OK && e != Z_BUF_ERROR) fail("inflate: %s", z->msg ? z->msg : "error");
        if (z->avail_out < sizeof plain) compare(c, plain, sizeof plain - z->avail_out);
    } while (!z->avail_out);
}

static void payload(struct conn *c, unsigned char *p, size_t size) {
    if (c->header[1] & MASKED) /* a raw server sends our own frames back */
        unmask(p, size, c->header + c->need - 4, c->masked_at), c->masked_at += size;
    if (c->header[0] & RSV1) inflate_piece(c, p, size);
    else if (size) compare(c, p, size);
    c->left -= size;
    if (c->left || !(c->header[0] & FIN)) return;
    if (c->header[0] & RSV1) inflate_piece(c, TAIL, sizeof TAIL);
    compare(c, p, 0);
    message_done(c);
}

static void header_done(struct conn *c) {
    unsigned char *h = c->header;
    int op = h[0] & 15, n = h[1] & 127;
    int expected = opt.ack || opt.text ? OP_TEXT : OP_BINARY;
    if (op != expected && op != 0) fail("unexpected frame with opcode %d", op);
    if ((h[0] & RSV1) && !c->inflate) fail("compressed frame");
    c->left = n, c->masked_at = 0;
    if (n == 126) c->left = h[2] << 8 | h[3];
    if (n == 127)
        for (c->left = 0, n = 2; n < 10; n++) c->left = c->left << 8 | h[n];
}

static void consume(struct conn *c, unsigned char *p, size_t size) {
    while (size) {
        if (c->have < 2 || c->have < c->need) {
            c->header[c->have++] = *p++, size--;
            if (c->have == 2) {
                int n = c->header[1] & 127;
                c->need = 2 + (n == 126 ? 2 : n == 127 ? 8 : 0) + (c->header[1] & MASKED ? 4 : 0);
            }
            if (c->have < 2 || c->have < c->need) continue;
            header_done(c);
            if (c->left) continue;
        }
        size_t piece = size < c->left ? size : c->left;
        unsigned char *at = p;
        p += piece, size -= piece;
        if (piece == c->left) c->have = 0;
        payload(c, at, piece);
    }
}

#include "load_connect.h"

/* ---- the three kinds of run -------------------------------------------- */

static void exchange(void) {
    static unsigned char buffer[CHUNK];
    struct epoll_event events[256];
    fanout_left = opt.conns;
    for (int i = 0; i < opt.conns; i++) {
        fcntl(conns[i].fd, F_SETFL, O_NONBLOCK);
        watch(&conns[i], EPOLL_CTL_ADD, 0);
    }
    start_clock();
    if (opt.conns > 1) await_rest(); /* it may be closing those of an earlier run */
    deadline = clock_of(CLOCK_MONOTONIC) + opt.warm;
    for (int i = 0; i < (opt.fanout ? 1 : opt.conns); i++) send_bursts(&conns[i]);
    while (!finished) {
        int n = epoll_wait(epoll_fd, events, 256, opt.spin ? 0 : -1);
        for (int i = 0; i < n && !finished; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) flush(c), send_bursts(c);
            if (!(events[i].events & ~EPOLLOUT)) continue;
            ssize_t k;
            do {
                k = get(c, buffer, sizeof buffer);
                if (!k) fail("the peer closed the connection");
                if (k > 0) consume(c, buffer, k);
            } while (!finished && (k == sizeof buffer || (k > 0 && c->ssl)));
        }
    }
    report(0);
}

static void handshakes(void) {
    unsigned char frame[16], answer[256];
    size_t size = put_frame(frame, FIN | OP_CLOSE, (unsigned char *)"\x03\xe8", 2);
    start_clock();
    while (!finished) {
        struct conn c = {0};
        ssize_t n;
        open_conn(&c);
        put_all(&c, (char *)frame, size);
        n = get(&c, answer, 4);
        if (n != 4 || memcmp(answer, "\x88\x02\x03\xe8", 4)) fail("no close frame came back");
        while (get(&c, answer, sizeof answer) > 0) {} /* the server closes first */
        close(c.fd);
        done++;
        tick();
    }
    report(0);
}

static long resident_pages(void) {
    char name[64];
    long size, resident = 0;
    await_rest();
    snprintf(name, sizeof name, "/proc/%d/statm", opt.pid);
    FILE *f = fopen(name, "r");
    if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2) fail("%s cannot be read", name);
    fclose(f);
    return resident;
}

static void idle(void) {
    struct conn first[100];
    start_clock();
    memset(first, 0, sizeof first);
    for (int i = 0; i < 100; i++) open_conn(&first[i]);
    long before = resident_pages();
    from = take_mark();
    for (int i = 0; i < opt.conns; i++) open_conn(&conns[i]), done++;
    report(resident_pages() - before);
}

static void parse(int argc, char **argv) {
    enum { PORT = 256, PID, PATH, CONNS, BURST, DEPTH, COPIES, THINK, SECONDS, WARM, LIMIT };
    const struct option options[] = {
        {"listen", 0, &opt.listen, 1}, {"tls", 0, &opt.tls, 1}, {"text", 0, &opt.text, 1},
        {"deflate", 0, &opt.deflate, 1}, {"fanout", 0, &opt.fanout, 1}, {"ack", 0, &opt.ack, 1},
        {"idle", 0, &opt.idle, 1}, {"handshakes", 0, &opt.handshakes, 1}, {"spin", 0, &opt.spin, 1},
        {"port", 1, 0, PORT}, {"pid", 1, 0, PID}, {"path", 1, 0, PATH}, {"conns", 1, 0, CONNS},
        {"burst", 1, 0, BURST}, {"depth", 1, 0, DEPTH}, {"copies", 1, 0, COPIES},
        {"think", 1, 0, THINK}, {"seconds", 1, 0, SECONDS}, {"warm", 1, 0, WARM},
        {"limit", 1, 0, LIMIT}, {0, 0, 0, 0}};
    int o;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == PORT) opt.port = atoi(optarg);
        else if (o == PID) opt.pid = atoi(optarg);
        else if (o == PATH) opt.path = optarg;
        else if (o == CONNS) opt.conns = atoi(optarg);
        else if (o == BURST) opt.burst = atoi(optarg);
        else if (o == DEPTH) opt.depth = atoi(optarg);
        else if (o == COPIES) opt.copies = atoi(optarg);
        else if (o == THINK) opt.think = atoi(optarg);
        else if (o == SECONDS) opt.seconds = atof(optarg);
        else if (o == WARM) opt.warm = atof(optarg);
        else if (o == LIMIT) opt.limit = atoll(optarg);
        else if (o != 0) exit(2);
    }
    if (optind < argc) load_messages(argv[optind]);
}

int main(int argc, char **argv) {
    struct rlimit files;
    parse(argc, argv);
    alarm(opt.warm + opt.seconds + PATIENCE); /* whatever happens, this ends */
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(0);
    conns = calloc(opt.conns, sizeof *conns);
    if (opt.tls) {
        tls_context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    }
    if (opt.idle) return idle(), 0;
    if (opt.handshakes) return handshakes(), 0;
    for (int i = 0; i < opt.conns; i++) opt.listen ? accept_conn(&conns[i]) : open_conn(&conns[i]);
    prepare();
    exchange();
    return 0;
}
