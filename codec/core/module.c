/* The Python face of core.h: checks that buffers have the sizes that belong together, and lets other threads run.

   From Python 3.11 on (which has the buffer protocol in it) the stable ABI is enough: one build serves all versions. */

#include <patchlevel.h>
#if PY_VERSION_HEX >= 0x030B0000
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "core.h"
#include "network_module.h"

enum { FIRST, START, BELOW, WEIGHTS, THRESHOLDS, INDEX, EARLIER, BUFFERS };

struct model {
    Py_buffer buffers[BUFFERS];
    struct lic_tables tables;
    struct lic_contexts contexts;
};

static void release(struct model *model) {
    for (int i = 0; i < BUFFERS; i++)
        if (model->buffers[i].obj) PyBuffer_Release(&model->buffers[i]);
}

static int holds(const Py_buffer *buffer, size_t count, size_t size) {
    return (size_t)buffer->len / size == count && (size_t)buffer->len % size == 0;
}

static int has_the_right_sizes(const struct model *m) {
    const struct lic_contexts *c = &m->contexts;
    const Py_buffer *b = m->buffers;
    size_t tables = m->tables.count;
    if (!holds(&b[FIRST], tables, 4) || !holds(&b[START], tables + 1, 4)) return 0;
    if (!holds(&b[BELOW], m->tables.start[tables], 4)) return 0;
    if (c->channels > MAX_CHANNELS) return 0;
    if (c->order == LIC_PLAIN) return 1;
    return holds(&b[WEIGHTS], c->channels * PHASES * FEATURES, 4) && holds(&b[THRESHOLDS], c->thresholds_count, 8) &&
           holds(&b[INDEX], c->channels * PHASES * (c->thresholds_count + 1), 1) &&
           (!c->earlier || holds(&b[EARLIER], lic_earlier_size(c->channels), 2));
}

/* From the tuple that codec/entropy/compiled.py makes. */
static int parse_model(PyObject *tuple, struct model *m) {
    Py_buffer *b = m->buffers;
    int order;
    Py_ssize_t channels;
    memset(m, 0, sizeof *m);
    if (!PyArg_ParseTuple(tuple, "iny*y*y*y*y*y*z*", &order, &channels, &b[FIRST], &b[START], &b[BELOW], &b[WEIGHTS],
                          &b[THRESHOLDS], &b[INDEX], &b[EARLIER]))
        return 0;
    m->tables = (struct lic_tables){(size_t)b[FIRST].len / 4, b[FIRST].buf, b[START].buf, b[BELOW].buf};
    m->contexts = (struct lic_contexts){
        (enum lic_order)order, (size_t)channels, b[WEIGHTS].buf, (size_t)b[THRESHOLDS].len / 8, b[THRESHOLDS].buf,
        b[INDEX].buf, b[EARLIER].buf,
    };
    if (order >= LIC_PLAIN && order <= LIC_PHASES && channels > 0 && has_the_right_sizes(m)) return 1;
    release(m);
    PyErr_SetString(PyExc_ValueError, "the arrays of tables and contexts do not belong together");
    return 0;
}

/* Symbols of channels x rows x columns, and a workspace for them. */
static int open_chunk(const struct model *m, Py_ssize_t rows, Py_ssize_t columns, const Py_buffer *symbols,
                      struct lic_chunk *chunk) {
    size_t size = rows > 0 && columns > 0
                      ? lic_workspace_size(&m->tables, &m->contexts, (size_t)rows, (size_t)columns) : 0;
    if (!size || !holds(symbols, m->contexts.channels * (size_t)rows * (size_t)columns, 4)) {
        PyErr_SetString(PyExc_ValueError, "symbols are not channels x rows x columns, or more than a chunk may have");
        return 0;
    }
    *chunk = (struct lic_chunk){(size_t)rows, (size_t)columns, malloc(size)};
    if (!chunk->workspace) PyErr_NoMemory();
    return chunk->workspace != NULL;
}

static PyObject *bad_argument(void) {
    PyErr_SetString(PyExc_ValueError, "the tables do not add up, or the contexts name tables that are not there");
    return NULL;
}

PyDoc_STRVAR(encode_doc, "encode(model, rows, columns, symbols) -> bytes");

static PyObject *encode(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *tuple, *out = NULL;
    struct model m;
    struct lic_chunk chunk;
    Py_ssize_t rows, columns;
    Py_buffer symbols;
    if (!PyArg_ParseTuple(args, "O!nny*", &PyTuple_Type, &tuple, &rows, &columns, &symbols)) return NULL;
    if (parse_model(tuple, &m)) {
        if (open_chunk(&m, rows, columns, &symbols, &chunk)) {
            size_t size = 0, room = lic_encoded_bound((size_t)symbols.len / 4);
            uint8_t *data = malloc(room);
            enum lic_result result = LIC_BAD_ARGUMENT;
            if (data) {
                Py_BEGIN_ALLOW_THREADS
                result = lic_encode(&m.tables, &m.contexts, &chunk, symbols.buf, data, room, &size);
                Py_END_ALLOW_THREADS
            }
            if (!data)
                PyErr_NoMemory();
            else if (result == LIC_OK)
                out = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size);
            else
                bad_argument();
            free(data);
            free(chunk.workspace);
        }
        release(&m);
    }
    PyBuffer_Release(&symbols);
    return out;
}

PyDoc_STRVAR(decode_doc, "decode(model, rows, columns, data, symbols): fills symbols; returns whether data is intact");

static PyObject *decode(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *tuple, *out = NULL;
    struct model m;
    struct lic_chunk chunk;
    Py_ssize_t rows, columns;
    Py_buffer data, symbols;
    if (!PyArg_ParseTuple(args, "O!nny*w*", &PyTuple_Type, &tuple, &rows, &columns, &data, &symbols)) return NULL;
    if (parse_model(tuple, &m)) {
        if (open_chunk(&m, rows, columns, &symbols, &chunk)) {
            enum lic_result result;
            Py_BEGIN_ALLOW_THREADS
            result = lic_decode(&m.tables, &m.contexts, &chunk, data.buf, (size_t)data.len, symbols.buf);
            Py_END_ALLOW_THREADS
            out = result == LIC_BAD_ARGUMENT ? bad_argument() : PyBool_FromLong(result == LIC_OK);
            free(chunk.workspace);
        }
        release(&m);
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&symbols);
    return out;
}

PyDoc_STRVAR(find_tables_doc, "find_tables(model, rows, columns, symbols, numbers): fills numbers with those of tables");

static PyObject *find_tables(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *tuple, *out = NULL;
    struct model m;
    struct lic_chunk chunk;
    Py_ssize_t rows, columns;
    Py_buffer symbols, numbers;
    if (!PyArg_ParseTuple(args, "O!nny*w*", &PyTuple_Type, &tuple, &rows, &columns, &symbols, &numbers)) return NULL;
    if (parse_model(tuple, &m)) {
        if (!holds(&numbers, (size_t)symbols.len / 4, 2)) {
            PyErr_SetString(PyExc_ValueError, "numbers of tables are not of the symbols' shape");
        } else if (open_chunk(&m, rows, columns, &symbols, &chunk)) {
            enum lic_result result;
            Py_BEGIN_ALLOW_THREADS
            result = lic_find_tables(&m.tables, &m.contexts, &chunk, symbols.buf, numbers.buf);
            Py_END_ALLOW_THREADS
            out = result == LIC_OK ? Py_NewRef(Py_None) : bad_argument();
            free(chunk.workspace);
        }
        release(&m);
    }
    PyBuffer_Release(&symbols);
    PyBuffer_Release(&numbers);
    return out;
}

static PyMethodDef methods[] = {
    {"encode", encode, METH_VARARGS, encode_doc},
    {"decode", decode, METH_VARARGS, decode_doc},
    {"find_tables", find_tables, METH_VARARGS, find_tables_doc},
    {"open_network", open_network, METH_VARARGS, "open_network(sizes, values, with_slopes) -> network"},
    {"open_team", open_team, METH_VARARGS, "open_team(threads) -> team"},
    {"work", work, METH_VARARGS, "work(team, thread): lend a thread until the team ends"},
    {"begin", begin, METH_O, "begin(team): from now on threads can be lent"},
    {"end", end, METH_O, "end(team): lent threads return"},
    {"has_kernels", has_kernels, METH_O, "has_kernels(name)"},
    {"open_stream", open_stream, METH_VARARGS, "open_stream(task, network, team, kernels, size, region, ...) -> stream"},
    {"run", run, METH_VARARGS, "run(stream, ...) -> the first row that is not complete"},
    {"rows", rows, METH_O, "rows(stream) -> rows of the source, rows of the result"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_core",
    .m_doc = "Latents to bytes and back in C; see core.h.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&module); }
