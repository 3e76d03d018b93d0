/* Part of load.c: the messages of a cycle, and the frames that they are sent as. */

static size_t put_header(unsigned char *p, int first, size_t size, const unsigned char *mask) {
    size_t n = 2;
    p[0] = first;
    if (size < 126) {
        p[1] = size;
    } else if (size < 65536) {
        p[1] = 126, p[2] = size >> 8, p[3] = size, n = 4;
    } else {
        p[1] = 127, n = 10;
        for (int i = 0; i < 8; i++) p[2 + i] = (uint64_t)size >> (56 - 8 * i);
    }
    if (mask) p[1] |= MASKED, memcpy(p + n, mask, 4), n += 4;
    return n;
}

static void unmask(unsigned char *p, size_t size, const unsigned char *key, uint64_t at) {
    unsigned char k[8];
    uint64_t wide, word;
    for (int i = 0; i < 8; i++) k[i] = key[(at + i) & 3];
    memcpy(&wide, k, 8);
    for (; size >= 8; p += 8, size -= 8) memcpy(&word, p, 8), word ^= wide, memcpy(p, &word, 8);
    for (size_t i = 0; i < size; i++) p[i] ^= k[i];
}

static size_t put_frame(unsigned char *p, int first, const unsigned char *data, size_t size) {
    unsigned char mask[4];
    for (int i = 0; i < 4; i++) mask[i] = 1 + rand() % 255;
    size_t n = put_header(p, first, size, opt.listen ? NULL : mask);
    memcpy(p + n, data, size);
    if (!opt.listen) unmask(p + n, size, mask, 0);
    return n + size;
}

static size_t compress_message(z_stream *z, struct message *m, unsigned char *to, size_t room) {
    z->next_in = m->data, z->avail_in = m->size, z->next_out = to, z->avail_out = room;
    if (deflate(z, no_takeover ? Z_FULL_FLUSH : Z_SYNC_FLUSH) != Z_OK || !z->avail_out)
        fail("deflate failed");
    return room - z->avail_out - sizeof TAIL;
}

/* With context takeover the second lap refers to the end of the first one, and so does
 * every later lap to the lap before it, which is the same text: it can be sent again as
 * it is, provided that the cycle is not shorter than the window. */
static void prepare(void) {
    size_t room = 0;
    z_stream z = {0};
    for (size_t i = 0; i < n_messages; i++) room += messages[i].size + messages[i].size / 500 + 64;
    unsigned char *packed = malloc(room);
    if (opt.deflate && deflateInit2(&z, 6, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        fail("deflateInit2 failed");
    for (int lap = 0; lap < 1 + opt.deflate; lap++) {
        struct cycle *c = &cycles[lap];
        size_t n = 0;
        c->wire = malloc(room + n_messages * MAX_HEADER);
        c->start = malloc((n_messages + 1) * sizeof *c->start);
        for (size_t i = 0; i < n_messages; i++) {
            int first = FIN | (opt.text ? OP_TEXT : OP_BINARY);
            c->start[i] = n;
            if (opt.deflate)
                n += put_frame(c->wire + n, first | RSV1, packed,
                               compress_message(&z, &messages[i], packed, room));
            else
                n += put_frame(c->wire + n, first, messages[i].data, messages[i].size);
        }
        c->start[n_messages] = n;
    }
    free(packed);
}

/* The file holds for each message its size, as 4 bytes in network order, and its bytes. */
static void load_messages(const char *name) {
    unsigned char size[4];
    FILE *f = fopen(name, "rb");
    if (!f) fail("%s: %s", name, strerror(errno));
    while (fread(size, 1, 4, f) == 4) {
        messages = realloc(messages, (n_messages + 1) * sizeof *messages);
        struct message *m = &messages[n_messages++];
        m->size = (size_t)size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3];
        m->data = malloc(m->size + 1);
        if (fread(m->data, 1, m->size, f) != m->size) fail("%s is cut short", name);
    }
    fclose(f);
    if (!n_messages || n_messages % opt.burst) fail("the cycle must consist of whole bursts");
}
