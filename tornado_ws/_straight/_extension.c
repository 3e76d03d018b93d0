/* The straight path in C: what a short message passes through where nothing unusual is going on.

   Here are the twins of the classes in `twins.py`, which hold the fields that such a message
   touches, and one *step* for each method that it passes through. A step stands in front of the
   Python method of the same name (see `Method`) and either does all that this one would do, or
   nothing: then the Python method is called with the same arguments. So there is no error text,
   no close code and no decision about a peer in this file; and what the steps leave out is no
   more than slower: fragments, control frames, compression, TLS, a queue, another thread, a loop
   inside a callback, a socket that takes no more.

   The interpreter's lock is held throughout. No system call waits (MSG_DONTWAIT), and there is no
   state but that of the objects: loops in two threads share nothing. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#if PY_VERSION_HEX < 0x03090000
#define PyObject_Vectorcall _PyObject_Vectorcall
#define Py_TPFLAGS_HAVE_VECTORCALL _Py_TPFLAGS_HAVE_VECTORCALL
#endif
#ifndef SOURCE_CRC
#define SOURCE_CRC 0 /* setup.py has that of this file, from which a checkout knows it */
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* there Python has switched the signal off */
#endif

/* As in `_sansio.frames`: RFC 6455 section 5.2. */
enum {
    OP_TEXT = 0x1, OP_BINARY = 0x2, FIN = 0x80, MASK_BIT = 0x80, LENGTH_MASK = 0x7F,
    HEAD_SIZE = 2, KEY_SIZE = 4, LENGTH_16 = 126, LENGTH_64 = 127, MAX_LENGTH_16 = 0xFFFF,
    MAX_STRAIGHT = 64 * 1024
};
enum { GATHER_LIMIT = 64 * 1024 }; /* as in `_stream.transport` */
enum { ON_STACK = 1024 };          /* bytes of a text that needs no memory to be unmasked */

/* The names of what is used of Python objects. */
#define NAMES(X) \
    X(socket) X(max_write_buffer_size) X(asyncio_loop) X(_nest_patched) X(_thread_id) X(run) \
    X(on_message) X(_await) X(take) X(go_on) X(flush) X(begin) X(set_result) X(gathering) \
    X(_gather) X(_write_alone) X(_write_rest) X(_has_lost_patience) X(write) X(write_quietly) \
    X(_write_encoded) X(_on_error) X(fileno)
#define DECLARE_NAME(name) static PyObject *str_##name;
NAMES(DECLARE_NAME)

static PyObject *clock_function; /* time.monotonic */
static PyObject *zero;

/* The fields. Of each struct the first macro names those that are objects; what they are for say
   the classes in Python that derive from these types. */

#define CORE_OBJECTS(X) X(mask) X(single) X(keys) X(next_key) X(compressor)
typedef struct {
    PyObject_HEAD
    PyObject *mask;       /* masks and unmasks; only `frames.mask_bytes` is done here */
    PyObject *single;     /* dict, empty unless the connection is between two frames */
    PyObject *keys;       /* list of masking keys at hand; None for a server */
    PyObject *next_key;   /* gives more of them; None for a server */
    PyObject *compressor; /* None without permessage-deflate */
    long long wire_bytes_in, wire_bytes_out, message_bytes_in, message_bytes_out;
    long long messages_in, messages_out;
    long long limit;      /* the longest payload of a frame here */
    char is_client;
} Core;

#define TURN_OBJECTS(X) X(make_future) X(make_written)
typedef struct {
    PyObject_HEAD
    PyObject *make_future;  /* makes a Future */
    PyObject *make_written; /* makes a `Written` */
    long long number;       /* of the current turn */
    char ends;              /* whether its end is waited for */
} Turn;

#define TRANSPORT_OBJECTS(X) \
    X(stream) X(io_loop) X(on_data) X(plain) X(turn) X(wrote) X(gathered) X(gathering) \
    X(written) X(sent) X(write_future)
typedef struct {
    PyObject_HEAD
    PyObject *stream;       /* the IOStream */
    PyObject *io_loop;      /* the IOLoop */
    PyObject *on_data;      /* called with what is read */
    PyObject *plain;        /* the stream's socket, if recv and send need no more than its
                               descriptor; else None */
    PyObject *turn;         /* Turn */
    PyObject *wrote;        /* since when the callback has been writing */
    PyObject *gathered;     /* list of bytes */
    PyObject *gathering;    /* what they belong to, or None */
    PyObject *written;      /* the Future of what a batch has gathered, or None */
    PyObject *sent;         /* the Future of what batches have sent at once, or None */
    PyObject *write_future; /* of the write under way, or None */
    long long turn_number;  /* of the last turn in which a write was sent at once */
    long long unsent;       /* bytes that the stream has not taken */
    long long read_size;
    char paused, batching, last, in_turn;
} Transport;

#define DELIVERY_OBJECTS(X) X(transport) X(core) X(callbacks) X(handler)
typedef struct {
    PyObject_HEAD
    PyObject *transport; /* Transport */
    PyObject *core;      /* Core */
    PyObject *callbacks;
    PyObject *handler;
    char held, hold, attention;
} Delivery;

#define PROTOCOL_OBJECTS(X) X(transport) X(core) X(thread)
typedef struct {
    PyObject_HEAD
    PyObject *transport; /* Transport; None before the handshake */
    PyObject *core;      /* Core */
    PyObject *thread;    /* its ``_thread_id`` is that of the loop's thread */
    char server_terminated, client_terminated;
} Protocol;

/* How fields are set. */

typedef struct {
    Py_ssize_t offset;
    PyTypeObject *type; /* what the field may be, besides None */
    const char *name;
} Field;

static PyObject *
get_field(PyObject *self, void *closure)
{
    PyObject *value = *(PyObject **)((char *)self + ((Field *)closure)->offset);

    value = value == NULL ? Py_None : value;
    Py_INCREF(value);
    return value;
}

static int
set_field(PyObject *self, PyObject *value, void *closure)
{
    Field *field = closure;
    PyObject **place = (PyObject **)((char *)self + field->offset), *old = *place;

    if (value == NULL || (value != Py_None && !PyObject_TypeCheck(value, field->type))) {
        PyErr_Format(PyExc_TypeError, "%s has to be a %s or None", field->name,
                     field->type->tp_name);
        return -1;
    }
    Py_INCREF(value);
    *place = value;
    Py_XDECREF(old);
    return 0;
}

static PyObject *
get_number(PyObject *self, void *closure)
{
    return PyLong_FromLongLong(*(long long *)((char *)self + (uintptr_t)closure));
}

static int
set_number(PyObject *self, PyObject *value, void *closure)
{
    long long number;

    if (value == NULL || !PyLong_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "this field has to be an int");
        return -1;
    }
    number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred())
        return -1;
    *(long long *)((char *)self + (uintptr_t)closure) = number;
    return 0;
}

#define OBJECT(struct_, name, field) {name, T_OBJECT_EX, offsetof(struct_, field), 0, NULL}
#define BOOL(struct_, name, field) {name, T_BOOL, offsetof(struct_, field), 0, NULL}
#define NUMBER(struct_, name, field) \
    {name, get_number, set_number, NULL, (void *)offsetof(struct_, field)}
#define TYPED(name, field) {name, get_field, set_field, NULL, &(field)}

/* Declares a type that has the fields of a struct, and of its objects takes care. */
#define VISIT(field) Py_VISIT(self->field);
#define CLEAR(field) Py_CLEAR(self->field);
#define DEFINE_TYPE(Name, OBJECTS) \
    static int Name##_traverse(PyObject *object, visitproc visit, void *arg) \
    { \
        Name *self = (Name *)object; \
        OBJECTS(VISIT) \
        return 0; \
    } \
    static int Name##_clear(PyObject *object) \
    { \
        Name *self = (Name *)object; \
        OBJECTS(CLEAR) \
        return 0; \
    } \
    static void Name##_dealloc(PyObject *object) \
    { \
        PyObject_GC_UnTrack(object); \
        (void)Name##_clear(object); \
        Py_TYPE(object)->tp_free(object); \
    } \
    static PyTypeObject Name##Type = { \
        PyVarObject_HEAD_INIT(NULL, 0) \
        .tp_name = "tornado_ws._straight._extension." #Name, \
        .tp_basicsize = sizeof(Name), \
        .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, \
        .tp_doc = "The fields of `twins." #Name "`.", \
        .tp_new = PyType_GenericNew, \
        .tp_traverse = Name##_traverse, \
        .tp_clear = Name##_clear, \
        .tp_dealloc = Name##_dealloc, \
    };

DEFINE_TYPE(Core, CORE_OBJECTS)
DEFINE_TYPE(Turn, TURN_OBJECTS)
DEFINE_TYPE(Transport, TRANSPORT_OBJECTS)
DEFINE_TYPE(Delivery, DELIVERY_OBJECTS)
DEFINE_TYPE(Protocol, PROTOCOL_OBJECTS)

static PyMemberDef Core_members[] = {
    BOOL(Core, "_is_client", is_client),
    OBJECT(Core, "_mask", mask), OBJECT(Core, "_next_key", next_key),
    OBJECT(Core, "_compressor", compressor), {0}};
static Field core_single = {offsetof(Core, single), &PyDict_Type, "_single"};
static Field core_keys = {offsetof(Core, keys), &PyList_Type, "_keys"};
static PyGetSetDef Core_typed[] = {
    TYPED("_single", core_single), TYPED("_keys", core_keys),
    NUMBER(Core, "wire_bytes_in", wire_bytes_in), NUMBER(Core, "wire_bytes_out", wire_bytes_out),
    NUMBER(Core, "message_bytes_in", message_bytes_in),
    NUMBER(Core, "message_bytes_out", message_bytes_out),
    NUMBER(Core, "messages_in", messages_in), NUMBER(Core, "messages_out", messages_out),
    NUMBER(Core, "_limit", limit), {0}};

static PyMemberDef Turn_members[] = {
    BOOL(Turn, "_ends", ends),
    OBJECT(Turn, "make_future", make_future), OBJECT(Turn, "make_written", make_written), {0}};
static PyGetSetDef Turn_typed[] = {NUMBER(Turn, "number", number), {0}};

static PyMemberDef Transport_members[] = {
    OBJECT(Transport, "stream", stream), OBJECT(Transport, "io_loop", io_loop),
    OBJECT(Transport, "_on_data", on_data), OBJECT(Transport, "_plain", plain),
    OBJECT(Transport, "wrote", wrote), OBJECT(Transport, "_gathering", gathering),
    OBJECT(Transport, "_written", written), OBJECT(Transport, "_sent", sent),
    OBJECT(Transport, "_write_future", write_future),
    BOOL(Transport, "paused", paused),
    BOOL(Transport, "batching", batching), BOOL(Transport, "last", last),
    BOOL(Transport, "_in_turn", in_turn), {0}};
static Field transport_turn = {offsetof(Transport, turn), &TurnType, "_turn"};
static Field transport_gathered = {offsetof(Transport, gathered), &PyList_Type, "gathered"};
static PyGetSetDef Transport_typed[] = {
    TYPED("_turn", transport_turn), TYPED("gathered", transport_gathered),
    NUMBER(Transport, "_turn_number", turn_number), NUMBER(Transport, "_unsent", unsent),
    NUMBER(Transport, "read_size", read_size), {0}};

static PyMemberDef Delivery_members[] = {
    OBJECT(Delivery, "_callbacks", callbacks), OBJECT(Delivery, "_handler", handler),
    BOOL(Delivery, "held", held), BOOL(Delivery, "_hold", hold),
    BOOL(Delivery, "attention", attention), {0}};
static Field delivery_transport = {offsetof(Delivery, transport), &TransportType, "transport"};
static Field delivery_core = {offsetof(Delivery, core), &CoreType, "_core"};
static PyGetSetDef Delivery_typed[] = {
    TYPED("transport", delivery_transport), TYPED("_core", delivery_core), {0}};

static PyMemberDef Protocol_members[] = {
    OBJECT(Protocol, "thread", thread),
    BOOL(Protocol, "server_terminated", server_terminated),
    BOOL(Protocol, "client_terminated", client_terminated), {0}};
static Field protocol_transport = {offsetof(Protocol, transport), &TransportType, "_transport"};
static Field protocol_core = {offsetof(Protocol, core), &CoreType, "_core"};
static PyGetSetDef Protocol_typed[] = {
    TYPED("_transport", protocol_transport), TYPED("_core", protocol_core), {0}};

static int
is_none(PyObject *field)
{
    return field == NULL || field == Py_None;
}

/* Sets an untyped field, which takes over the reference. */
static void
set_object(PyObject **field, PyObject *value)
{
    PyObject *old = *field;

    *field = value;
    Py_XDECREF(old);
}

/* Calls a method for its effect; 0, or -1 with an exception. The object may be that of a field,
   which the call sets to another one. */
static int
call(PyObject *object, PyObject *name, PyObject *argument)
{
    PyObject *result;

    Py_INCREF(object);
    result = PyObject_CallMethodObjArgs(object, name, argument, NULL);
    Py_DECREF(object);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Returns an attribute of what may be the object of a field as well. */
static PyObject *
get(PyObject *object, PyObject *name)
{
    PyObject *value;

    Py_INCREF(object);
    value = PyObject_GetAttr(object, name);
    Py_DECREF(object);
    return value;
}

/* Forgets that there is no such attribute; whatever else was raised, as by Ctrl-C, stays. */
static void
forget_missing(void)
{
    if (PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Clear();
}

/* Methods. */

/* A function in Python that has a step in front of it. */
typedef PyObject *(*Step)(PyObject *const *args, Py_ssize_t count);
typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    Step step; /* returns the result; NULL with an exception; NULL without one: not taken */
    PyObject *function;
    PyObject *dict; /* for what `functools.wraps` and others note */
    PyObject *weak; /* weak references to it */
} Method;
static PyTypeObject MethodType;

static int
has_step(PyObject *callable, Step step)
{
    return callable != NULL && Py_TYPE(callable) == &MethodType
           && ((Method *)callable)->step == step;
}

/* The core. */

/* Masks or unmasks (RFC 6455 section 5.3): twin of `frames.mask_bytes`. */
static void
mask(char *to, const char *from, Py_ssize_t size, const char *key)
{
    uint64_t keys, block;
    Py_ssize_t i = 0;

    memcpy(&keys, key, KEY_SIZE);
    memcpy((char *)&keys + KEY_SIZE, key, KEY_SIZE);
    for (; i + (Py_ssize_t)sizeof(block) <= size; i += (Py_ssize_t)sizeof(block)) {
        memcpy(&block, from + i, sizeof(block));
        block ^= keys;
        memcpy(to + i, &block, sizeof(block));
    }
    for (; i < size; i++)
        to[i] = (char)(from[i] ^ key[i % KEY_SIZE]);
}

/* Step of `frames.mask_bytes`. */
static PyObject *
mask_bytes(PyObject *const *args, Py_ssize_t count)
{
    PyObject *masked;

    if (count != 2 || !PyBytes_CheckExact(args[0]) || PyBytes_GET_SIZE(args[0]) != KEY_SIZE
            || !PyBytes_CheckExact(args[1]))
        return NULL;
    masked = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(args[1]));
    if (masked != NULL)
        mask(PyBytes_AS_STRING(masked), PyBytes_AS_STRING(args[1]), PyBytes_GET_SIZE(args[1]),
             PyBytes_AS_STRING(args[0]));
    return masked;
}

/* Returns how many bytes of a header tell a payload's length, behind the first two. */
static Py_ssize_t
size_of_length(Py_ssize_t length)
{
    return length < LENGTH_16 ? 0 : length <= MAX_LENGTH_16 ? 2 : 8;
}

/* Reads the header of a frame that is a whole message, and all there; changes nothing.

   Returns where its payload starts, and sets its length; 0 if it is something else. Twin of
   what `frames.straight_heads` is a table of. */
static Py_ssize_t
read_header(const Core *core, const char *data, Py_ssize_t size, Py_ssize_t *length)
{
    const unsigned char *head = (const unsigned char *)data;
    Py_ssize_t start = HEAD_SIZE, i;
    uint64_t told, least;

    if (size < HEAD_SIZE || (!core->is_client && !has_step(core->mask, mask_bytes)))
        return 0;
    if (head[0] != (FIN | OP_TEXT) && head[0] != (FIN | OP_BINARY))
        return 0;
    if ((head[1] & MASK_BIT) != (core->is_client ? 0 : MASK_BIT))
        return 0;
    told = head[1] & LENGTH_MASK;
    if (told >= LENGTH_16) {
        least = told == LENGTH_16 ? LENGTH_16 : MAX_LENGTH_16 + 1;
        start += size_of_length((Py_ssize_t)least);
        if (size < start)
            return 0;
        for (told = 0, i = HEAD_SIZE; i < start; i++)
            told = told << 8 | head[i];
        if (told < least || told > MAX_STRAIGHT)
            return 0;
    }
    *length = (Py_ssize_t)told;
    if (!core->is_client)
        start += KEY_SIZE;
    return size - start >= *length && *length <= core->limit ? start : 0;
}

/* Finds the payload of what is exactly one frame that is a message; changes nothing.

   Returns its start, or 0 if it is something else. Twin of the first half of
   `StraightPath.receive_message`. */
static Py_ssize_t
find_payload(const Core *core, const char *data, Py_ssize_t size)
{
    Py_ssize_t length = 0, start;

    if (is_none(core->single) || PyDict_GET_SIZE(core->single) == 0)
        return 0;
    start = read_header(core, data, size, &length);
    return start && size - start == length ? start : 0;
}

/* Makes a text of what may be masked; NULL with an exception if it is not UTF-8. */
static PyObject *
decode_text(const char *payload, Py_ssize_t length, const char *key)
{
    char on_stack[ON_STACK], *buffer = on_stack;
    PyObject *text;

    if (key == NULL)
        return PyUnicode_DecodeUTF8(payload, length, NULL);
    if (length > ON_STACK && (buffer = PyMem_Malloc((size_t)length)) == NULL)
        return PyErr_NoMemory();
    mask(buffer, payload, length, key);
    text = PyUnicode_DecodeUTF8(buffer, length, NULL);
    if (buffer != on_stack)
        PyMem_Free(buffer);
    return text;
}

/* Makes the message of a frame; NULL, without an exception, if Python has to find out what is
   wrong. */
static PyObject *
make_message(const Core *core, const char *frame, Py_ssize_t start, Py_ssize_t length)
{
    const char *payload = frame + start, *key = core->is_client ? NULL : payload - KEY_SIZE;
    PyObject *message;

    if (((unsigned char)frame[0] ^ FIN) == OP_TEXT)
        message = decode_text(payload, length, key);
    else if (key == NULL)
        message = PyBytes_FromStringAndSize(payload, length);
    else {
        message = PyBytes_FromStringAndSize(NULL, length);
        if (message != NULL)
            mask(PyBytes_AS_STRING(message), payload, length, key);
    }
    if (message == NULL)
        PyErr_Clear();
    return message;
}

/* Takes the message whose payload `find_payload` has found: twin of the second half. */
static PyObject *
take_message(Core *core, const char *data, Py_ssize_t size, Py_ssize_t start)
{
    PyObject *message = make_message(core, data, start, size - start);

    if (message != NULL) {
        core->wire_bytes_in += size;
        core->message_bytes_in += size - start;
        core->messages_in++;
    }
    return message;
}

/* Step of `StraightPath.receive_message`. */
static PyObject *
receive_message(PyObject *const *args, Py_ssize_t count)
{
    Core *core = (Core *)args[0];
    Py_ssize_t start, size;

    if (count != 2 || !PyObject_TypeCheck(args[0], &CoreType) || !PyBytes_CheckExact(args[1]))
        return NULL;
    size = PyBytes_GET_SIZE(args[1]);
    start = find_payload(core, PyBytes_AS_STRING(args[1]), size);
    return start ? take_message(core, PyBytes_AS_STRING(args[1]), size, start) : NULL;
}

/* Adds an event, and takes over the reference to its message. */
static int
add_event(PyObject *events, long opcode, PyObject *message)
{
    PyObject *number = PyLong_FromLong(opcode), *event = NULL;
    int result = -1;

    if (number != NULL && (event = PyTuple_Pack(2, number, message)) != NULL)
        result = PyList_Append(events, event);
    Py_XDECREF(number);
    Py_XDECREF(event);
    Py_DECREF(message);
    return result;
}

/* Step of `StraightPath._take_straight`: takes what comes before the first frame of another kind,
   which Python is then asked about. */
static PyObject *
take_straight(PyObject *const *args, Py_ssize_t count)
{
    Core *core = (Core *)args[0];
    Py_ssize_t pos, begin, frames, room, start, length = 0, taken = 0;
    PyObject *message;
    const char *data;

    if (count != 6 || !PyObject_TypeCheck(args[0], &CoreType) || !PyBytes_CheckExact(args[1])
            || !PyList_CheckExact(args[3]))
        return NULL;
    begin = pos = PyLong_AsSsize_t(args[2]);
    frames = PyLong_AsSsize_t(args[4]);
    room = PyLong_AsSsize_t(args[5]);
    if (PyErr_Occurred() || pos < 0 || pos > PyBytes_GET_SIZE(args[1])) {
        PyErr_Clear();
        return NULL;
    }
    for (; frames > 0 && taken < room; frames--) {
        data = PyBytes_AS_STRING(args[1]) + pos;
        start = read_header(core, data, PyBytes_GET_SIZE(args[1]) - pos, &length);
        if (start == 0 || (message = make_message(core, data, start, length)) == NULL)
            break;
        if (add_event(args[3], (unsigned char)data[0] ^ FIN, message) < 0)
            return NULL;
        pos += start + length;
        taken += length;
        core->message_bytes_in += length;
        core->messages_in++;
    }
    return pos == begin ? NULL : PyLong_FromSsize_t(pos);
}

/* Gives a masking key, 4 bytes; NULL with an exception. Twin of what `send_message` does. */
static PyObject *
take_key(Core *core)
{
    Py_ssize_t count = PyList_GET_SIZE(core->keys);
    PyObject *key, *next_key = core->next_key;

    if (count == 0) {
        Py_INCREF(next_key);
        key = PyObject_CallFunctionObjArgs(next_key, NULL);
        Py_DECREF(next_key);
    }
    else {
        key = PyList_GET_ITEM(core->keys, count - 1);
        Py_INCREF(key);
        if (PyList_SetSlice(core->keys, count - 1, count, NULL) < 0)
            Py_CLEAR(key);
    }
    if (key != NULL && (!PyBytes_CheckExact(key) || PyBytes_GET_SIZE(key) != KEY_SIZE)) {
        Py_DECREF(key);
        PyErr_SetString(PyExc_ValueError, "a masking key has 4 bytes");
        return NULL;
    }
    return key;
}

/* Makes the frame of a message: twin of `StraightPath.send_message`, for up to 64 KiB.

   Returns it; NULL, without an exception if Python has to make it. */
static PyObject *
make_frame(Core *core, int opcode, const char *payload, Py_ssize_t length)
{
    int masked = core->is_client;
    Py_ssize_t rest = size_of_length(length), i, left;
    Py_ssize_t start = HEAD_SIZE + rest + (masked ? KEY_SIZE : 0);
    PyObject *frame, *key = NULL;
    char *to;

    if (!is_none(core->compressor) || length > MAX_STRAIGHT
            || (masked && (is_none(core->keys) || is_none(core->next_key)
                           || !has_step(core->mask, mask_bytes))))
        return NULL;
    frame = PyBytes_FromStringAndSize(NULL, start + length);
    if (frame == NULL || (masked && (key = take_key(core)) == NULL)) {
        Py_XDECREF(frame);
        return NULL;
    }
    to = PyBytes_AS_STRING(frame);
    to[0] = (char)(FIN | opcode);
    to[1] = (char)((masked ? MASK_BIT : 0)
                   | (rest == 0 ? (int)length : rest == 2 ? LENGTH_16 : LENGTH_64));
    for (i = HEAD_SIZE + rest, left = length; i > HEAD_SIZE; left >>= 8)
        to[--i] = (char)(left & 0xFF);
    if (masked) {
        memcpy(to + start - KEY_SIZE, PyBytes_AS_STRING(key), KEY_SIZE);
        mask(to + start, payload, length, to + start - KEY_SIZE);
        Py_DECREF(key);
    }
    else
        memcpy(to + start, payload, (size_t)length);
    core->wire_bytes_out += start + length;
    core->message_bytes_out += length;
    core->messages_out++;
    return frame;
}

/* Step of `StraightPath.send_message`. */
static PyObject *
send_message(PyObject *const *args, Py_ssize_t count)
{
    long opcode;

    if (count != 3 || !PyObject_TypeCheck(args[0], &CoreType) || !PyLong_CheckExact(args[1])
            || !PyBytes_CheckExact(args[2]))
        return NULL;
    opcode = PyLong_AsLong(args[1]);
    if (opcode != OP_TEXT && opcode != OP_BINARY) {
        PyErr_Clear();
        return NULL;
    }
    return make_frame((Core *)args[0], (int)opcode, PyBytes_AS_STRING(args[2]),
                      PyBytes_GET_SIZE(args[2]));
}

/* The transport. */

/* Calls what makes a Future, which may be set to something else meanwhile. */
static PyObject *
make(PyObject *maker)
{
    PyObject *future;

    Py_INCREF(maker);
    future = PyObject_CallFunctionObjArgs(maker, NULL);
    Py_DECREF(maker);
    return future;
}

/* Makes a Future that is done: twin of `Turn.make_done`, whatever makes the Future. */
static PyObject *
make_done(PyObject *maker)
{
    PyObject *future = make(maker);

    if (future != NULL && call(future, str_set_result, Py_None) < 0)
        Py_CLEAR(future);
    return future;
}

/* The Future of what was sent at once: twin of `Transport._done`. */
static PyObject *
get_done(Transport *self, const Turn *turn)
{
    PyObject *done = self->sent;

    if (self->batching && !is_none(done)) {
        Py_INCREF(done);
        return done;
    }
    done = make_done(turn->make_future);
    if (done != NULL && self->batching) {
        Py_INCREF(done);
        set_object(&self->sent, done);
    }
    return done;
}

/* Makes the Future of one gathered write: twin of `Transport._gather`, for all but the first. */
static PyObject *
gather_more(Transport *self, const Turn *turn)
{
    PyObject *written, *gathering = self->gathering;

    if (self->batching || !self->in_turn || is_none(gathering))
        return PyObject_CallMethodObjArgs((PyObject *)self, str__gather, NULL);
    Py_INCREF(gathering);
    written = make(turn->make_written);
    if (written != NULL && (PyObject_SetAttr(written, str_gathering, gathering) < 0
                            || call(written, str_set_result, Py_None) < 0))
        Py_CLEAR(written);
    Py_DECREF(gathering);
    return written;
}

/* Has the stream closed because of errno: what Python would do after the same system call. */
static int
report_error(Transport *self)
{
    PyObject *type, *error, *traceback;
    int result;

    PyErr_SetFromErrno(PyExc_OSError);
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    result = call((PyObject *)self, str__on_error, error);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return result;
}

/* Returns the stream's socket, a new reference, or NULL, without an exception if it has none. */
static PyObject *
find_socket(PyObject *stream)
{
    PyObject *socket = get(stream, str_socket);

    if (socket == NULL)
        forget_missing();
    else if (socket == Py_None)
        Py_CLEAR(socket);
    return socket;
}

/* Returns the stream's socket's descriptor if that needs no more, else -1. Whoever closes the
   stream closes the socket, and its number is used again: so both are looked at each time. */
static int
find_descriptor(const Transport *self, PyObject *socket)
{
    PyObject *number;
    int descriptor = -1;

    if (is_none(self->plain) || socket != self->plain)
        return -1;
    number = PyObject_CallMethodObjArgs(socket, str_fileno, NULL);
    if (number != NULL)
        descriptor = PyObject_AsFileDescriptor(number);
    Py_XDECREF(number);
    if (descriptor < 0)
        PyErr_Clear();
    return descriptor;
}

/* Notes that a write leaves at once. */
static int
note_sending(Transport *self, const Turn *turn)
{
    PyObject *now;

    if (!self->batching)
        self->turn_number = turn->number;
    else if (is_none(self->wrote)) {
        now = PyObject_CallFunctionObjArgs(clock_function, NULL);
        if (now == NULL)
            return -1;
        set_object(&self->wrote, now);
    }
    return 0;
}

/* Sends bytes at once if none wait before them: twin of `Transport._write_alone`. */
static PyObject *
write_alone(Transport *self, const Turn *turn, PyObject *socket, PyObject *data, int quiet)
{
    int descriptor;
    Py_ssize_t size = PyBytes_GET_SIZE(data), sent;
    PyObject *rest, *result;

    if (!is_none(self->write_future) || is_none(self->gathered)
            || PyList_GET_SIZE(self->gathered) != 0)
        return NULL;
    descriptor = find_descriptor(self, socket);
    if (descriptor < 0 && socket == self->plain)
        return NULL; /* closed meanwhile: Python says so */
    if (descriptor < 0)
        return note_sending(self, turn) < 0 ? NULL : PyObject_CallMethodObjArgs(
            (PyObject *)self, str__write_alone, data, NULL);
    sent = send(descriptor, PyBytes_AS_STRING(data), (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            (void)report_error(self);
        return NULL; /* Python finds the stream closed, or tries again */
    }
    if (note_sending(self, turn) < 0)
        return NULL;
    if (sent == size) {
        self->unsent = 0;
        if (quiet)
            Py_RETURN_NONE;
        return get_done(self, turn);
    }
    rest = PyLong_FromSsize_t(sent);
    if (rest == NULL)
        return NULL;
    result = PyObject_CallMethodObjArgs((PyObject *)self, str__write_rest, data, rest, NULL);
    Py_DECREF(rest);
    return result;
}

/* Gathers bytes for the end of the batch or turn: twin of the end of `Transport.write`. */
static PyObject *
gather(Transport *self, Turn *turn, PyObject *data, int quiet)
{
    if (is_none(self->gathered) || self->unsent + PyBytes_GET_SIZE(data) >= GATHER_LIMIT
            || (quiet && !self->in_turn) || PyList_Append(self->gathered, data) < 0)
        return NULL;
    self->unsent += PyBytes_GET_SIZE(data);
    if (self->batching && is_none(self->wrote)) {
        Py_INCREF(zero);
        set_object(&self->wrote, zero);
    }
    if (quiet)
        Py_RETURN_NONE;
    if (is_none(self->written))
        return gather_more(self, turn);
    Py_INCREF(self->written);
    return self->written;
}

/* Tells whether the stream sets no bound to what waits; programs set one at any time. */
static int
has_room(PyObject *stream)
{
    PyObject *limit = get(stream, str_max_write_buffer_size);

    if (limit == NULL)
        forget_missing();
    else
        Py_DECREF(limit);
    return limit == Py_None;
}

/* Tells whether a write leaves at once, which begins a turn; -1 with an exception. How long a
   callback may take is a matter for Python. */
static int
leaves_now(Transport *self, Turn *turn)
{
    PyObject *lost;
    int result;

    if (!self->batching) {
        result = self->turn_number != turn->number;
        return result && !turn->ends && call((PyObject *)turn, str_begin, NULL) < 0 ? -1 : result;
    }
    if (is_none(self->wrote))
        return self->last;
    lost = PyObject_CallMethodObjArgs((PyObject *)self, str__has_lost_patience, NULL);
    result = lost == NULL ? -1 : PyObject_IsTrue(lost);
    Py_XDECREF(lost);
    return result;
}

/* Writes bytes: twin of `Transport.write`.

   Returns the Future, or None if `quiet`; NULL, without an exception if Python has to write them.
   Whatever is called meanwhile may write or close: what was found out before such a call does not
   hold after it. A socket that was closed has no descriptor any more. */
static PyObject *
write_plain(Transport *self, PyObject *data, int quiet)
{
    PyObject *stream = self->stream, *socket, *result = NULL;
    Turn *turn = (Turn *)self->turn;
    int now;

    if (is_none(stream) || is_none(self->turn) || !is_none(self->write_future))
        return NULL;
    Py_INCREF(stream);
    Py_INCREF(turn);
    if (has_room(stream) && (socket = find_socket(stream)) != NULL) {
        now = leaves_now(self, turn);
        if (now == 0)
            result = gather(self, turn, data, quiet);
        else if (now > 0)
            result = write_alone(self, turn, socket, data, quiet);
        Py_DECREF(socket);
    }
    Py_DECREF(turn);
    Py_DECREF(stream);
    return result;
}

/* Step of `Transport.write`. */
static PyObject *
transport_write(PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyObject_TypeCheck(args[0], &TransportType)
            || !PyBytes_CheckExact(args[1]))
        return NULL;
    return write_plain((Transport *)args[0], args[1], 0);
}

/* Step of `Transport.write_quietly`: outside of a batch nobody wants the Futures. */
static PyObject *
transport_write_quietly(PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyObject_TypeCheck(args[0], &TransportType)
            || !PyBytes_CheckExact(args[1]) || ((Transport *)args[0])->batching)
        return NULL;
    return write_plain((Transport *)args[0], args[1], 1);
}

/* Delivery. */

/* Gives what was raised to the guard, while it is being handled; -1 if that raises it again. Twin
   of ``except BaseException: self._callbacks.failed(*sys.exc_info())``. */
static int
guard(Delivery *self)
{
    PyObject *type, *error, *traceback;
    int result;

    if (is_none(self->callbacks))
        return -1;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != NULL)
        (void)PyException_SetTraceback(error, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    result = call(self->callbacks, str_take, error);
    Py_DECREF(error);
    return result;
}

/* Calls the application, in the connection's context: twin of `Delivery._deliver`. */
static int
deliver(Delivery *self, PyObject *message)
{
    PyObject *handler = self->handler, *result;
    int failed;

    if (handler == NULL) {
        PyErr_SetString(PyExc_AttributeError, "the connection has no handler any more");
        return guard(self);
    }
    Py_INCREF(handler);
    result = PyObject_CallMethodObjArgs(handler, str_on_message, message, NULL);
    Py_DECREF(handler);
    failed = result == NULL;
    if (result != NULL && result != Py_None)
        failed = call((PyObject *)self, str__await, result) < 0;
    Py_XDECREF(result);
    return failed ? guard(self) : 0;
}

/* Does what comes after a batch, whatever was raised: twin of the end of `Delivery.receive`. */
static int
end_batch(Delivery *self, Transport *transport, int result)
{
    PyObject *type = NULL, *error = NULL, *traceback = NULL;

    transport->batching = 0;
    if (result < 0)
        PyErr_Fetch(&type, &error, &traceback);
    if (is_none(transport->gathered) || PyList_GET_SIZE(transport->gathered) == 0
            || (result = call((PyObject *)transport, str_flush, NULL)) == 0) {
        result = self->attention ? call((PyObject *)self, str_go_on, NULL) : 0;
    }
    if (type != NULL && result == 0) {
        PyErr_Restore(type, error, traceback);
        return -1;
    }
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return result;
}

/* Returns the context whose method ``run`` is, if it is nothing else: on Tornado 6 and later,
   unless a callback may run the loop. A new reference, or NULL, without an exception if not. */
static PyObject *
find_context(PyObject *callbacks)
{
    PyObject *run = get(callbacks, str_run), *context = NULL;

    if (run == NULL)
        forget_missing();
    else if (PyCFunction_Check(run)) {
        context = PyCFunction_GET_SELF(run);
        if (context != NULL && !PyContext_CheckExact(context))
            context = NULL;
        Py_XINCREF(context);
    }
    Py_XDECREF(run);
    return context;
}

/* Delivers what is exactly one message to a connection that waits for one. As `receive_plain`. */
static int
receive_from(Delivery *self, Core *core, Transport *transport, const char *data, Py_ssize_t size)
{
    PyObject *context, *message;
    Py_ssize_t start = find_payload(core, data, size);
    int result;

    if (start == 0)
        return 0;
    context = find_context(self->callbacks);
    if (context == NULL)
        return PyErr_Occurred() ? -1 : 0;
    if (PyContext_Enter(context) < 0) {
        PyErr_Clear(); /* a callback runs the loop */
        Py_DECREF(context);
        return 0;
    }
    message = take_message(core, data, size, start);
    if (message == NULL) {
        (void)PyContext_Exit(context);
        Py_DECREF(context);
        return 0;
    }
    transport->batching = transport->last = 1;
    Py_INCREF(Py_None);
    set_object(&transport->wrote, Py_None);
    result = deliver(self, message);
    Py_DECREF(message);
    if (PyContext_Exit(context) < 0)
        result = -1;
    Py_DECREF(context);
    if (result < 0)
        result = guard(self);
    result = end_batch(self, transport, result);
    return result < 0 ? -1 : 1;
}

/* Delivers what is exactly one message: twin of `Delivery.receive`.

   Returns 1; 0 if Python has to take the bytes, nothing has happened then; -1 with an exception. */
static int
receive_plain(Delivery *self, const char *data, Py_ssize_t size)
{
    PyObject *core = self->core, *transport = self->transport;
    int taken;

    if (is_none(core) || is_none(transport) || ((Transport *)transport)->batching || self->held
            || self->hold || is_none(self->handler) || is_none(self->callbacks))
        return 0;
    Py_INCREF(core);
    Py_INCREF(transport);
    taken = receive_from(self, (Core *)core, (Transport *)transport, data, size);
    Py_DECREF(transport);
    Py_DECREF(core);
    return taken;
}

/* Turns what `receive_plain` returns into what a step does. */
static PyObject *
none_if(int taken)
{
    if (taken != 1)
        return NULL;
    Py_RETURN_NONE;
}

/* Step of `Delivery.receive`. */
static PyObject *
delivery_receive(PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyObject_TypeCheck(args[0], &DeliveryType)
            || !PyBytes_CheckExact(args[1]))
        return NULL;
    return none_if(receive_plain((Delivery *)args[0], PyBytes_AS_STRING(args[1]),
                                 PyBytes_GET_SIZE(args[1])));
}

/* The type of methods. */

static PyObject *
method_vectorcall(PyObject *callable, PyObject *const *args, size_t flags, PyObject *keywords)
{
    Method *self = (Method *)callable;
    Py_ssize_t count = PyVectorcall_NARGS(flags);

    if (keywords == NULL && count > 0) {
        PyObject *result = self->step(args, count);
        if (result != NULL || PyErr_Occurred())
            return result;
    }
    return PyObject_Vectorcall(self->function, args, flags, keywords);
}

static PyObject *
method_get(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type))
{
    if (object == NULL) {
        Py_INCREF(self);
        return self;
    }
    return PyMethod_New(self, object);
}

/* Whatever else is asked of the method, the function answers: its name, text, code, module. */
static PyObject *
method_getattro(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(self, name);

    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return value;
    PyErr_Clear();
    return PyObject_GetAttr(((Method *)self)->function, name);
}

static int
method_traverse(PyObject *object, visitproc visit, void *arg)
{
    Method *self = (Method *)object;

    Py_VISIT(self->function);
    Py_VISIT(self->dict);
    return 0;
}

static int
method_clear(PyObject *object)
{
    Py_CLEAR(((Method *)object)->dict);
    return 0; /* the function is what makes it a method; others break its cycles */
}

static void
method_dealloc(PyObject *object)
{
    Method *self = (Method *)object;

    PyObject_GC_UnTrack(object);
    if (self->weak != NULL)
        PyObject_ClearWeakRefs(object);
    Py_XDECREF(self->function);
    Py_XDECREF(self->dict);
    PyObject_GC_Del(object);
}

static PyMemberDef method_members[] = {
    {"__wrapped__", T_OBJECT_EX, offsetof(Method, function), READONLY, NULL}, {0}};

static PyObject *
method_doc(PyObject *self, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString(((Method *)self)->function, "__doc__");
}

/* For who asks whether it is a function, as `unittest.mock` does. */
static PyObject *
method_class(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    Py_INCREF(&PyFunction_Type);
    return (PyObject *)&PyFunction_Type;
}

static PyGetSetDef method_computed[] = {
    {"__doc__", method_doc, NULL, NULL, NULL}, {"__class__", method_class, NULL, NULL, NULL}, {0}};

/* It is pickled by its name, as functions are. */
static PyObject *
method_reduce(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    return PyObject_GetAttrString(((Method *)self)->function, "__qualname__");
}

static PyMethodDef method_methods[] = {
    {"__reduce__", method_reduce, METH_NOARGS, "Return the name to pickle."}, {0}};

static PyTypeObject MethodType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tornado_ws._straight._extension.Method",
    .tp_basicsize = sizeof(Method),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_METHOD_DESCRIPTOR
                | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Method, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_descr_get = method_get,
    .tp_getattro = method_getattro,
    .tp_members = method_members,
    .tp_getset = method_computed,
    .tp_dictoffset = offsetof(Method, dict),
    .tp_weaklistoffset = offsetof(Method, weak),
    .tp_methods = method_methods,
    .tp_traverse = method_traverse,
    .tp_clear = method_clear,
    .tp_dealloc = method_dealloc,
};

/* Receiving. */

#if PY_VERSION_HEX < 0x030D0000
#define PyObject_HasAttrWithError PyObject_HasAttr
#endif

/* Tells whether a callback may run the loop; -1 with an exception. Twin of
   `asyncio_loop.is_reentrant`. */
static int
is_reentrant(PyObject *io_loop)
{
    PyObject *loop = get(io_loop, str_asyncio_loop);
    int result = 1;

    if (loop == NULL)
        forget_missing(); /* a loop of Tornado's own: to find out is for Python */
    else
        result = PyObject_HasAttrWithError(loop, str__nest_patched);
    Py_XDECREF(loop);
    return result;
}

/* Hands bytes to who takes them; a `Delivery` gets them without a detour, and may do with less
   than an object for them. Takes over the reference. */
static PyObject *
hand_over(Transport *self, PyObject *data, Py_ssize_t size)
{
    PyObject *on_data = self->on_data, *owner, *result = NULL;
    int taken = 0;

    Py_INCREF(on_data);
    if (PyMethod_Check(on_data) && has_step(PyMethod_GET_FUNCTION(on_data), delivery_receive)) {
        owner = PyMethod_GET_SELF(on_data);
        if (PyObject_TypeCheck(owner, &DeliveryType))
            taken = receive_plain((Delivery *)owner, PyBytes_AS_STRING(data), size);
    }
    if (taken)
        result = none_if(taken);
    else if (_PyBytes_Resize(&data, size) == 0)
        result = PyObject_CallFunctionObjArgs(on_data, data, NULL);
    Py_XDECREF(data);
    Py_DECREF(on_data);
    return result;
}

/* Step of `DirectTransport._receive`. */
static PyObject *
transport_receive(PyObject *const *args, Py_ssize_t count)
{
    Transport *self = (Transport *)args[0];
    PyObject *socket, *data;
    Py_ssize_t size;
    int descriptor;

    if (count != 1 || !PyObject_TypeCheck(args[0], &TransportType) || is_none(self->io_loop)
            || is_reentrant(self->io_loop) || self->paused || is_none(self->plain)
            || is_none(self->stream) || self->read_size <= 0)
        return NULL;
    socket = find_socket(self->stream);
    if (socket == NULL)
        return NULL;
    descriptor = find_descriptor(self, socket);
    Py_DECREF(socket);
    if (descriptor < 0 || is_none(self->on_data))
        return NULL;
    data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)self->read_size);
    if (data == NULL)
        return NULL;
    size = recv(descriptor, PyBytes_AS_STRING(data), (size_t)self->read_size, MSG_DONTWAIT);
    if (size > 0)
        return hand_over(self, data, size);
    if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        size = report_error(self);
        Py_DECREF(data);
        return size < 0 ? NULL : none_if(1);
    }
    Py_DECREF(data);
    return NULL; /* the end, of which the next call tells too; or nothing yet */
}

/* Sending. */

/* Tells whether the current thread runs the loop; -1 with an exception. Twin of the same line in
   Python. */
static int
is_own_thread(PyObject *thread)
{
    PyObject *number;
    int result;

    if (is_none(thread))
        return 0;
    number = get(thread, str__thread_id);
    if (number == NULL)
        return -1; /* it may be a property in Python, and Ctrl-C come there */
    result = PyLong_CheckExact(number)
             && PyLong_AsUnsignedLong(number) == PyThread_get_thread_ident();
    Py_DECREF(number);
    PyErr_Clear(); /* of a number that is no thread's */
    return result;
}

/* Tells whether a transport's class has no way to write of its own. */
static int
writes_plainly(PyObject *transport, PyObject *name, Step step)
{
    PyObject *method = get((PyObject *)Py_TYPE(transport), name);
    int result = has_step(method, step);

    Py_XDECREF(method);
    PyErr_Clear();
    return result;
}

/* Makes the frame of what an application sends: twin of `messages.encode_message` for bytes and
   str. NULL, without an exception if Python has to make it. */
static PyObject *
encode(Core *core, PyObject *message, int opcode)
{
    PyObject *payload, *frame;

    if (PyBytes_CheckExact(message))
        return make_frame(core, opcode, PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message));
    if (!PyUnicode_CheckExact(message) || !is_none(core->compressor)
            || PyUnicode_GET_LENGTH(message) > MAX_STRAIGHT)
        return NULL; /* `make_frame` would not take it either */
    if (PyUnicode_IS_COMPACT_ASCII(message))
        return make_frame(core, opcode, (const char *)PyUnicode_1BYTE_DATA(message),
                          PyUnicode_GET_LENGTH(message));
    payload = PyUnicode_AsUTF8String(message);
    if (payload == NULL) {
        PyErr_Clear();
        return NULL;
    }
    frame = make_frame(core, opcode, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload));
    Py_DECREF(payload);
    return frame;
}

/* Step of `WebSocketProtocol13.write_message`. */
static PyObject *
write_message(PyObject *const *args, Py_ssize_t count)
{
    Protocol *self = (Protocol *)args[0];
    PyObject *binary = count == 3 ? args[2] : Py_False, *transport, *frame, *result = NULL;
    Core *core;

    if (count < 2 || count > 3 || !PyObject_TypeCheck(args[0], &ProtocolType)
            || !PyBool_Check(binary) || self->server_terminated || self->client_terminated
            || is_own_thread(self->thread) != 1 || is_none(self->core) || is_none(self->transport))
        return NULL;
    core = (Core *)self->core;
    transport = self->transport;
    Py_INCREF(core);
    Py_INCREF(transport);
    frame = encode(core, args[1], binary == Py_True ? OP_BINARY : OP_TEXT);
    if (frame != NULL && writes_plainly(transport, str_write, transport_write))
        result = write_plain((Transport *)transport, frame, 0);
    if (frame != NULL && result == NULL && !PyErr_Occurred())
        result = PyObject_CallMethodObjArgs((PyObject *)self, str__write_encoded, frame, NULL);
    Py_XDECREF(frame);
    Py_DECREF(core);
    Py_DECREF(transport);
    return result;
}

/* Step of `broadcast.write_frame`. */
static PyObject *
write_frame(PyObject *const *args, Py_ssize_t count)
{
    Protocol *self = (Protocol *)args[0];
    PyObject *transport, *result = NULL;
    Core *core;
    Py_ssize_t size;

    if (count != 3 || !PyObject_TypeCheck(args[0], &ProtocolType) || !PyBytes_CheckExact(args[1])
            || !PyLong_CheckExact(args[2]) || is_none(self->core) || is_none(self->transport)
            || ((Transport *)self->transport)->batching)
        return NULL;
    size = PyLong_AsSsize_t(args[2]);
    if (size == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return NULL;
    }
    core = (Core *)self->core;
    transport = self->transport;
    Py_INCREF(core);
    Py_INCREF(transport);
    if (writes_plainly(transport, str_write_quietly, transport_write_quietly))
        result = write_plain((Transport *)transport, args[1], 1);
    if (result != NULL) {
        core->wire_bytes_out += PyBytes_GET_SIZE(args[1]);
        core->message_bytes_out += size;
        core->messages_out++;
    }
    Py_DECREF(core);
    Py_DECREF(transport);
    return result;
}

/* The module. */

static const struct { const char *name; Step step; } steps[] = {
    {"mask_bytes", mask_bytes}, {"receive_message", receive_message},
    {"take_straight", take_straight}, {"send_message", send_message},
    {"write", transport_write}, {"write_quietly", transport_write_quietly},
    {"receive_bytes", transport_receive}, {"receive", delivery_receive},
    {"write_message", write_message}, {"write_frame", write_frame}};

static PyObject *
put_before(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *name;
    PyObject *function;
    Method *self;
    size_t i, count = sizeof(steps) / sizeof(steps[0]);

    if (!PyArg_ParseTuple(args, "sO!", &name, &PyFunction_Type, &function))
        return NULL;
    for (i = 0; i < count && strcmp(steps[i].name, name) != 0; i++)
        ;
    if (i == count)
        return PyErr_Format(PyExc_ValueError, "there is no step %s", name);
    self = PyObject_GC_New(Method, &MethodType);
    if (self == NULL)
        return NULL;
    self->vectorcall = method_vectorcall;
    self->step = steps[i].step;
    Py_INCREF(function);
    self->function = function;
    self->dict = self->weak = NULL;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static PyMethodDef functions[] = {
    {"put_before", put_before, METH_VARARGS, "Put the step of a name in front of a method."}, {0}};

static int
add_type(PyObject *module, PyTypeObject *type, PyMemberDef *members, PyGetSetDef *typed)
{
    type->tp_members = members;
    type->tp_getset = typed;
    if (PyType_Ready(type) < 0)
        return -1;
    Py_INCREF(type);
    return PyModule_AddObject(module, strrchr(type->tp_name, '.') + 1, (PyObject *)type);
}

/* Fills the module. Other interpreters than the first do without: types and names are its. */
static int
fill(PyObject *module)
{
    PyObject *time;

    if (PyThreadState_Get()->interp != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "a sub-interpreter does without the extension");
        return -1;
    }
#define MAKE_NAME(name) \
    if (str_##name == NULL && (str_##name = PyUnicode_InternFromString(#name)) == NULL) \
        return -1;
    NAMES(MAKE_NAME)
    time = PyImport_ImportModule("time");
    if (time == NULL)
        return -1;
    clock_function = PyObject_GetAttrString(time, "monotonic");
    Py_DECREF(time);
    zero = PyLong_FromLong(0);
    if (clock_function == NULL || zero == NULL || PyType_Ready(&MethodType) < 0)
        return -1;
    if (add_type(module, &CoreType, Core_members, Core_typed) < 0
            || add_type(module, &TurnType, Turn_members, Turn_typed) < 0
            || add_type(module, &TransportType, Transport_members, Transport_typed) < 0
            || add_type(module, &DeliveryType, Delivery_members, Delivery_typed) < 0
            || add_type(module, &ProtocolType, Protocol_members, Protocol_typed) < 0)
        return -1;
    if (PyModule_AddIntConstant(module, "SOURCE_CRC", SOURCE_CRC) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "GATHER_LIMIT", GATHER_LIMIT);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)fill},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_extension",
    .m_doc = "The straight path in C.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__extension(void)
{
    return PyModuleDef_Init(&definition);
}
