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

#include "model.h"
#include "network_module.h"
#include "tables.h"

static int holds(const Py_buffer *buffer, size_t count, size_t size) {
    return (size_t)buffer->len / size == count && (size_t)buffer->len % size == 0;
}

/* ---- models and rates ---- */

/* A model of arrays that are Python's, which it keeps alive. */
struct lent {
    struct lic_model model;
    Py_buffer buffers[ARRAYS];
};

static void give_back(struct lent *lent) {
    free_frequencies(&lent->model.library);
    for (int i = 0; i < ARRAYS; i++)
        if (lent->buffers[i].obj) PyBuffer_Release(&lent->buffers[i]);
    free(lent);
}

static void close_model(PyObject *capsule) { give_back(PyCapsule_GetPointer(capsule, "model")); }

PyObject *failed(enum lic_result result, const char *reason) {
    if (result == LIC_NO_MEMORY) return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, reason);
    return NULL;
}

PyDoc_STRVAR(open_model_doc, "open_model(*arrays) -> model: those that model.h names");

static PyObject *open_model(PyObject *self, PyObject *args) {
    (void)self;
    struct lent *lent = calloc(1, sizeof *lent);
    if (!lent) return PyErr_NoMemory();
    int fits = PyTuple_Size(args) == ARRAYS;
    for (int i = 0; fits && i < ARRAYS; i++) {
        Py_buffer *b = &lent->buffers[i];
        fits = PyObject_GetBuffer(PyTuple_GetItem(args, i), b, PyBUF_SIMPLE) == 0 && b->len % number_sizes[i] == 0;
        if (fits) lent->model.arrays[i] = (struct array){(size_t)b->len / number_sizes[i], b->buf};
    }
    enum lic_result result = fits ? model_complete(&lent->model) : LIC_CORRUPT;
    if (!result) return PyCapsule_New(lent, "model", close_model);
    give_back(lent);
    return PyErr_Occurred() ? NULL : failed(result, "the arrays of a model do not belong together");
}

static void close_rate(PyObject *capsule) {
    lic_rate_close(PyCapsule_GetPointer(capsule, "rate"));
    Py_XDECREF((PyObject *)PyCapsule_GetContext(capsule));
}

/* The capsule of a rate, which may refer to a model. */
static PyObject *capsule_of(struct lic_rate *rate, PyObject *model) {
    PyObject *capsule = PyCapsule_New(rate, "rate", close_rate);
    PyCapsule_SetContext(capsule, Py_XNewRef(model));
    return capsule;
}

PyDoc_STRVAR(open_rate_doc, "open_rate(model, position) -> rate");

static PyObject *open_rate(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule;
    Py_ssize_t position;
    struct lic_rate *rate;
    if (!PyArg_ParseTuple(args, "On", &capsule, &position)) return NULL;
    const struct lent *lent = PyCapsule_GetPointer(capsule, "model");
    if (!lent) return NULL;
    int fits = position >= 0 && (size_t)position < lent->model.points * POSITIONS;
    enum lic_result result = fits ? lic_rate_open(&lent->model, (unsigned)position, &rate) : LIC_BAD_ARGUMENT;
    return result ? failed(result, "the model has no such position, or no tables there") : capsule_of(rate, capsule);
}

static void *copy_of(const Py_buffer *buffer) {
    void *copy = malloc((size_t)buffer->len);
    return copy ? memcpy(copy, buffer->buf, (size_t)buffer->len) : NULL;
}

PyDoc_STRVAR(open_tables_doc, "open_tables(first, start, below) -> rate: of a table for each channel, as core.h has them");

static PyObject *open_tables(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer first, start, below;
    if (!PyArg_ParseTuple(args, "y*y*y*", &first, &start, &below)) return NULL;
    size_t count = (size_t)first.len / 4;
    int fits = holds(&first, count, 4) && holds(&start, count + 1, 4) && count && count <= MAX_CHANNELS;
    fits = fits && holds(&below, ((uint32_t *)start.buf)[count], 4);
    struct lic_rate *rate = fits ? calloc(1, sizeof *rate) : NULL;
    if (rate) {
        rate->tables = (struct lic_tables){count, copy_of(&first), copy_of(&start), copy_of(&below)};
        rate->contexts = (struct lic_contexts){.order = LIC_PLAIN, .channels = count};
    }
    PyBuffer_Release(&first);
    PyBuffer_Release(&start);
    PyBuffer_Release(&below);
    if (!fits) return failed(LIC_BAD_ARGUMENT, "the arrays of tables do not belong together");
    if (rate && rate->tables.first && rate->tables.start && rate->tables.below) return capsule_of(rate, NULL);
    lic_rate_close(rate);
    return PyErr_NoMemory();
}

/* ---- latents and bytes ---- */

/* Symbols of channels x rows x columns, and a workspace for them. */
static int open_chunk(const struct lic_rate *rate, Py_ssize_t rows, Py_ssize_t columns, const Py_buffer *symbols,
                      struct lic_chunk *chunk) {
    size_t size = rows > 0 && columns > 0
                      ? lic_workspace_size(&rate->tables, &rate->contexts, (size_t)rows, (size_t)columns) : 0;
    if (!size || !holds(symbols, rate->contexts.channels * (size_t)rows * (size_t)columns, 4)) {
        PyErr_SetString(PyExc_ValueError, "symbols are not channels x rows x columns, or more than a chunk may have");
        return 0;
    }
    *chunk = (struct lic_chunk){(size_t)rows, (size_t)columns, malloc(size)};
    if (!chunk->workspace) PyErr_NoMemory();
    return chunk->workspace != NULL;
}

static PyObject *bad_argument(void) {
    return failed(LIC_BAD_ARGUMENT, "the tables do not add up, or the contexts name tables that are not there, or no "
                                    "quantiser has a level after those before it");
}

PyDoc_STRVAR(encode_doc, "encode(rate, rows, columns, symbols) -> bytes");

static PyObject *encode(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule, *out = NULL;
    struct lic_chunk chunk;
    Py_ssize_t rows, columns;
    Py_buffer symbols;
    if (!PyArg_ParseTuple(args, "Onny*", &capsule, &rows, &columns, &symbols)) return NULL;
    const struct lic_rate *rate = PyCapsule_GetPointer(capsule, "rate");
    if (rate && open_chunk(rate, rows, columns, &symbols, &chunk)) {
        size_t size = 0, room = lic_encoded_bound((size_t)symbols.len / 4);
        uint8_t *data = malloc(room);
        enum lic_result result = LIC_BAD_ARGUMENT;
        if (data) {
            Py_BEGIN_ALLOW_THREADS
            result = lic_encode(&rate->tables, &rate->contexts, &chunk, symbols.buf, data, room, &size);
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
    PyBuffer_Release(&symbols);
    return out;
}

PyDoc_STRVAR(decode_doc, "decode(rate, rows, columns, data, symbols): fills symbols; returns whether data is intact");

static PyObject *decode(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule, *out = NULL;
    struct lic_chunk chunk;
    Py_ssize_t rows, columns;
    Py_buffer data, symbols;
    if (!PyArg_ParseTuple(args, "Onny*w*", &capsule, &rows, &columns, &data, &symbols)) return NULL;
    const struct lic_rate *rate = PyCapsule_GetPointer(capsule, "rate");
    if (rate && open_chunk(rate, rows, columns, &symbols, &chunk)) {
        enum lic_result result;
        Py_BEGIN_ALLOW_THREADS
        result = lic_decode(&rate->tables, &rate->contexts, &chunk, data.buf, (size_t)data.len, symbols.buf);
        Py_END_ALLOW_THREADS
        out = result == LIC_BAD_ARGUMENT ? bad_argument() : PyBool_FromLong(result == LIC_OK);
        free(chunk.workspace);
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&symbols);
    return out;
}

typedef enum lic_result find(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                             const int32_t *, uint16_t *);

static PyObject *fill_numbers(PyObject *args, find *find) {
    PyObject *capsule, *out = NULL;
    struct lic_chunk chunk;
    Py_ssize_t rows, columns;
    Py_buffer symbols, numbers;
    if (!PyArg_ParseTuple(args, "Onny*w*", &capsule, &rows, &columns, &symbols, &numbers)) return NULL;
    const struct lic_rate *rate = PyCapsule_GetPointer(capsule, "rate");
    if (rate && !holds(&numbers, (size_t)symbols.len / 4, 2)) {
        PyErr_SetString(PyExc_ValueError, "numbers of tables are not of the symbols' shape");
    } else if (rate && open_chunk(rate, rows, columns, &symbols, &chunk)) {
        enum lic_result result;
        Py_BEGIN_ALLOW_THREADS
        result = find(&rate->tables, &rate->contexts, &chunk, symbols.buf, numbers.buf);
        Py_END_ALLOW_THREADS
        out = result == LIC_OK ? Py_NewRef(Py_None) : bad_argument();
        free(chunk.workspace);
    }
    PyBuffer_Release(&symbols);
    PyBuffer_Release(&numbers);
    return out;
}

PyDoc_STRVAR(find_tables_doc, "find_tables(rate, rows, columns, symbols, numbers): fills in those of tables");

static PyObject *find_tables(PyObject *self, PyObject *args) {
    (void)self;
    return fill_numbers(args, lic_find_tables);
}

PyDoc_STRVAR(guess_tables_doc, "guess_tables(rate, rows, columns, guessed, numbers): the same for guesses");

static PyObject *guess_tables(PyObject *self, PyObject *args) {
    (void)self;
    return fill_numbers(args, lic_guess_tables);
}

PyDoc_STRVAR(choose_levels_doc, "choose_levels(rate, rows, columns, prices, phase, weight, kept, targets, numbers, levels)");

static PyObject *choose_levels(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule, *out = NULL;
    Py_ssize_t rows, columns, phase;
    float weight, kept;
    Py_buffer prices, targets, numbers, levels;
    if (!PyArg_ParseTuple(args, "Onny*nffy*y*w*", &capsule, &rows, &columns, &prices, &phase, &weight, &kept, &targets,
                          &numbers, &levels))
        return NULL;
    const struct lic_rate *rate = PyCapsule_GetPointer(capsule, "rate");
    if (rate) {
        size_t symbols = (size_t)levels.len / 4, channels = rate->contexts.channels;
        int fits = rows > 0 && columns > 0 && phase >= 0 && symbols == channels * (size_t)rows * (size_t)columns;
        fits = fits && holds(&targets, symbols, 4) && holds(&numbers, symbols, 2);
        fits = fits && holds(&prices, rate->tables.start[rate->tables.count], 4);
        struct lic_choice choice = {(size_t)phase, weight, kept, targets.buf, numbers.buf, levels.buf};
        enum lic_result result = LIC_BAD_ARGUMENT;
        Py_BEGIN_ALLOW_THREADS
        if (fits)
            result = lic_choose_levels(&rate->tables, &rate->contexts, prices.buf, (size_t)rows, (size_t)columns, &choice);
        Py_END_ALLOW_THREADS
        out = result ? failed(result, "levels, targets and tables do not belong together") : Py_NewRef(Py_None);
    }
    PyBuffer_Release(&prices);
    PyBuffer_Release(&targets);
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&levels);
    return out;
}

static PyMethodDef methods[] = {
    {"open_model", open_model, METH_VARARGS, open_model_doc},
    {"open_rate", open_rate, METH_VARARGS, open_rate_doc},
    {"open_tables", open_tables, METH_VARARGS, open_tables_doc},
    {"encode", encode, METH_VARARGS, encode_doc},
    {"decode", decode, METH_VARARGS, decode_doc},
    {"find_tables", find_tables, METH_VARARGS, find_tables_doc},
    {"guess_tables", guess_tables, METH_VARARGS, guess_tables_doc},
    {"choose_levels", choose_levels, METH_VARARGS, choose_levels_doc},
    {"open_network", open_network, METH_VARARGS, "open_network(sizes, values, with_slopes) -> network"},
    {"open_team", open_team, METH_VARARGS, "open_team(threads) -> team"},
    {"work", work, METH_VARARGS, "work(team, thread): lend a thread until the team ends"},
    {"begin", begin, METH_O, "begin(team): from now on threads can be lent"},
    {"end", end, METH_O, "end(team): lent threads return"},
    {"has_kernels", has_kernels, METH_O, "has_kernels(name)"},
    {"open_stream", open_stream, METH_VARARGS, "open_stream(task, network, team, kernels, ...) -> stream"},
    {"run", run, METH_VARARGS, "run(stream, ...) -> the first row that is not complete"},
    {"open_levels", open_levels, METH_VARARGS, "open_levels(network, team, kernels, rate, rows, columns) -> levels"},
    {"next_levels", next_levels, METH_VARARGS, "next_levels(levels, rate, rows, columns, latents, symbols, below, rows_below)"},
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
