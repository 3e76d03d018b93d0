/* Part of load.c: opening connections, as a client and as a server. */

static void put_all(struct conn *c, const char *p, size_t size) {
    while (size) {
        ssize_t n = put(c, p, size);
        if (n <= 0) fail("connection lost in the handshake");
        p += n, size -= n;
    }
}

/* Reads up to and including the empty line. */
static void get_http(struct conn *c, char *to) {
    size_t n = 0;
    while (n < HTTP_MAX - 1) {
        /* nothing behind the empty line may be taken: peek, or go byte by byte */
        ssize_t k = c->ssl ? SSL_read(c->ssl, to + n, 1)
                           : recv(c->fd, to + n, HTTP_MAX - 1 - n, MSG_PEEK);
        if (k <= 0) fail("connection lost in the handshake");
        to[n + k] = 0;
        char *end = strstr(n > 3 ? to + n - 3 : to, "\r\n\r\n");
        size_t take = end ? (size_t)(end + 4 - to) - n : (size_t)k;
        if (!c->ssl && recv(c->fd, to + n, take, 0) != (ssize_t)take) fail("recv");
        n += take;
        to[n] = 0;
        if (end) return;
    }
    fail("the HTTP header is too long");
}

static void accept_value(const char *key, size_t size, unsigned char *to) {
    char text[128];
    unsigned char digest[SHA_DIGEST_LENGTH];
    snprintf(text, sizeof text, "%.*s%s", (int)size, key, GUID);
    SHA1((unsigned char *)text, strlen(text), digest);
    EVP_EncodeBlock(to, digest, sizeof digest);
}

static void upgrade(struct conn *c) {
    static char http[HTTP_MAX];
    unsigned char accept[32];
    const char *offer = opt.deflate
        ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "";
    int n = snprintf(http, sizeof http,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: %s\r\n%s\r\n", opt.path, opt.port, KEY, offer);
    put_all(c, http, n);
    get_http(c, http);
    accept_value(KEY, strlen(KEY), accept);
    if (!strstr(http, " 101 ") || !strstr(http, (char *)accept)) fail("not upgraded: %s", http);
    if (!opt.deflate) return;
    const char *bits = strcasestr(http, "client_max_window_bits=");
    if (!strcasestr(http, "permessage-deflate")) fail("compression was not agreed");
    if (bits) window_bits = atoi(bits + strlen("client_max_window_bits="));
    if (strcasestr(http, "client_no_context_takeover")) no_takeover = 1;
    c->inflate = calloc(1, sizeof *c->inflate);
    if (inflateInit2(c->inflate, -15) != Z_OK) fail("inflateInit2 failed");
}

static void downgrade(struct conn *c) { /* the same as the server */
    static char http[HTTP_MAX];
    unsigned char accept[32];
    get_http(c, http);
    char *key = strcasestr(http, "\r\nSec-WebSocket-Key:");
    if (!key) fail("no key in the request");
    key += strlen("\r\nSec-WebSocket-Key:");
    key += strspn(key, " ");
    accept_value(key, strcspn(key, " \r"), accept);
    int n = snprintf(http, sizeof http,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    put_all(c, http, n);
}

static int new_socket(struct sockaddr_in *to) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("socket: %s", strerror(errno));
    memset(to, 0, sizeof *to);
    to->sin_family = AF_INET, to->sin_port = htons(opt.port);
    to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd;
}

static void open_conn(struct conn *c) {
    struct sockaddr_in to;
    c->fd = new_socket(&to);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (opt.tls) {
        c->ssl = SSL_new(tls_context);
        SSL_set_fd(c->ssl, c->fd);
        if (SSL_connect(c->ssl) != 1) fail("the TLS handshake failed");
    }
    upgrade(c);
}

static void accept_conn(struct conn *c) {
    struct sockaddr_in to;
    socklen_t size = sizeof to;
    int fd = new_socket(&to), pid;
    if (bind(fd, (struct sockaddr *)&to, sizeof to) || listen(fd, 1)) fail("listen");
    getsockname(fd, (struct sockaddr *)&to, &size);
    printf("%d\n", ntohs(to.sin_port));
    fflush(stdout);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){10, 0}, sizeof(struct timeval));
    if (scanf("%d", &pid) != 1) fail("no pid was given");
    opt.pid = pid;
    c->fd = accept(fd, NULL, NULL);
    if (c->fd < 0) fail("accept: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    downgrade(c);
}
