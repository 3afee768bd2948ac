/* The Python face of the second half of core.h: networks, threads and streams, as capsules. codec/transform/core_stream.py
   keeps alive what they refer to. */

#include <patchlevel.h>
#if PY_VERSION_HEX >= 0x030B0000
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"
#include "model.h"
#include "network_module.h"

static void close_network(PyObject *capsule) { lic_network_close(PyCapsule_GetPointer(capsule, "network")); }
static void close_team(PyObject *capsule) { lic_team_close(PyCapsule_GetPointer(capsule, "team")); }
static void close_stream(PyObject *capsule) { lic_stream_close(PyCapsule_GetPointer(capsule, "stream")); }

static const char CONTRADICTION[] = "sizes, tensors or settings of a network do not belong together";

PyObject *open_network(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer sizes, values;
    int with_slopes;
    struct lic_network *network;
    if (!PyArg_ParseTuple(args, "y*y*p", &sizes, &values, &with_slopes)) return NULL;
    enum lic_result result;
    Py_BEGIN_ALLOW_THREADS
    result = lic_network_open(sizes.buf, (size_t)sizes.len / 4, values.buf, (size_t)values.len / 4, with_slopes, &network);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&sizes);
    PyBuffer_Release(&values);
    return result ? failed(result, CONTRADICTION) : PyCapsule_New(network, "network", close_network);
}

PyObject *open_team(PyObject *self, PyObject *args) {
    (void)self;
    Py_ssize_t threads;
    if (!PyArg_ParseTuple(args, "n", &threads)) return NULL;
    struct lic_team *team = lic_team_open(threads > 0 ? (size_t)threads : 1);
    return team ? PyCapsule_New(team, "team", close_team) : PyErr_NoMemory();
}

PyObject *work(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule;
    Py_ssize_t thread;
    if (!PyArg_ParseTuple(args, "On", &capsule, &thread)) return NULL;
    struct lic_team *team = PyCapsule_GetPointer(capsule, "team");
    if (!team) return NULL;
    if (thread < 1 || (size_t)thread >= lic_team_size(team)) return failed(LIC_BAD_ARGUMENT, CONTRADICTION);
    Py_BEGIN_ALLOW_THREADS
    lic_team_work(team, (size_t)thread);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject *begin(PyObject *self, PyObject *capsule) {
    (void)self;
    struct lic_team *team = PyCapsule_GetPointer(capsule, "team");
    if (!team) return NULL;
    lic_team_begin(team);
    Py_RETURN_NONE;
}

PyObject *end(PyObject *self, PyObject *capsule) {
    (void)self;
    struct lic_team *team = PyCapsule_GetPointer(capsule, "team");
    if (!team) return NULL;
    lic_team_end(team);
    Py_RETURN_NONE;
}

PyObject *has_kernels(PyObject *self, PyObject *name) {
    (void)self;
    const char *text = NULL;
    if (name != Py_None && !(text = PyUnicode_AsUTF8AndSize(name, NULL))) return NULL;
    return PyBool_FromLong(lic_kernels_named(text) != NULL);
}

/* The filter, its weights or None, and the second look are not the rate's: a search changes them. */
PyObject *open_stream(PyObject *self, PyObject *args) {
    (void)self;
    int task;
    PyObject *network_capsule, *team_capsule, *rate_capsule;
    const char *kernels_name;
    struct lic_picture p;
    Py_ssize_t width, height, left, top, right, bottom, reduce;
    Py_buffer filter;
    float share;
    int quick;
    if (!PyArg_ParseTuple(args, "iOOz(nn)(nnnn)nOz*fp", &task, &network_capsule, &team_capsule, &kernels_name, &width,
                          &height, &left, &top, &right, &bottom, &reduce, &rate_capsule, &filter, &share, &quick))
        return NULL;
    p = (struct lic_picture){width, height, left, top, right, bottom, reduce};
    const struct lic_network *network = PyCapsule_GetPointer(network_capsule, "network");
    struct lic_team *team = network ? PyCapsule_GetPointer(team_capsule, "team") : NULL;
    const struct lic_rate *rate = team ? PyCapsule_GetPointer(rate_capsule, "rate") : NULL;
    struct lic_stream *stream = NULL;
    PyObject *opened = NULL;
    if (rate) {
        int fits = task >= LIC_DECODE && task <= LIC_FILTER && lic_network_channels(network) == rate->contexts.channels;
        fits = fits && (!filter.obj || (size_t)filter.len == FILTER_SIZE * sizeof(int16_t));
        const struct lic_kernels *kernels = lic_kernels_named(kernels_name);
        struct lic_point point = rate->point;
        point.filter = filter.obj ? filter.buf : NULL, point.share = share, point.quick = quick;
        enum lic_result result = LIC_BAD_ARGUMENT;
        if (fits && kernels) result = lic_stream_open((enum lic_task)task, network, team, kernels, &p, &point, &stream);
        opened = result ? failed(result, CONTRADICTION) : PyCapsule_New(stream, "stream", close_stream);
    }
    if (filter.obj) PyBuffer_Release(&filter);
    return opened;
}

/* The caller, codec/transform/core_stream.py, answers for the sizes of the arrays. */
PyObject *run(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule;
    Py_buffer b[7];
    Py_ssize_t first_in, rows_in, first_out, rows_out, source_end, result_end;
    if (!PyArg_ParseTuple(args, "O(z*z*z*)(nn)(z*z*z*z*)(nn)nn", &capsule, &b[0], &b[1], &b[2],
                          &first_in, &rows_in, &b[3], &b[4], &b[5], &b[6], &first_out, &rows_out, &source_end, &result_end))
        return NULL;
    struct lic_stream *stream = PyCapsule_GetPointer(capsule, "stream");
    ptrdiff_t done = 0;
    if (stream) {
        struct lic_arrays arrays = {
            b[0].buf, b[1].buf, b[2].buf, first_in, rows_in, b[3].buf, b[4].buf, b[5].buf, first_out, rows_out, b[6].buf,
        };
        Py_BEGIN_ALLOW_THREADS
        done = lic_stream_run(stream, &arrays, source_end, result_end);
        Py_END_ALLOW_THREADS
    }
    if (done < 0) PyErr_SetString(PyExc_ValueError, "arrays lack rows that a stream reads or writes");
    for (int i = 0; i < 7; i++)
        if (b[i].obj) PyBuffer_Release(&b[i]);
    return stream && done >= 0 ? PyLong_FromSsize_t(done) : NULL;
}

PyObject *rows(PyObject *self, PyObject *capsule) {
    (void)self;
    struct lic_stream *stream = PyCapsule_GetPointer(capsule, "stream");
    if (!stream) return NULL;
    ptrdiff_t source[2], result[2];
    lic_stream_rows(stream, source, result);
    return Py_BuildValue("((nn)(nn))", (Py_ssize_t)source[0], (Py_ssize_t)source[1], (Py_ssize_t)result[0],
                         (Py_ssize_t)result[1]);
}

static void close_levels(PyObject *capsule) { lic_levels_close(PyCapsule_GetPointer(capsule, "levels")); }

PyObject *open_levels(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *network_capsule, *team_capsule, *rate_capsule;
    const char *kernels_name;
    Py_ssize_t rows, columns;
    if (!PyArg_ParseTuple(args, "OOzOnn", &network_capsule, &team_capsule, &kernels_name, &rate_capsule, &rows, &columns))
        return NULL;
    const struct lic_network *network = PyCapsule_GetPointer(network_capsule, "network");
    struct lic_team *team = network ? PyCapsule_GetPointer(team_capsule, "team") : NULL;
    const struct lic_rate *rate = team ? PyCapsule_GetPointer(rate_capsule, "rate") : NULL;
    if (!rate) return NULL;
    int fits = rows > 0 && columns > 0 && lic_network_channels(network) == rate->contexts.channels;
    const struct lic_kernels *kernels = lic_kernels_named(kernels_name);
    struct lic_levels *levels = NULL;
    enum lic_result result = LIC_BAD_ARGUMENT;
    if (fits && kernels) result = lic_levels_open(network, team, kernels, rate, (size_t)rows, (size_t)columns, &levels);
    return result ? failed(result, CONTRADICTION) : PyCapsule_New(levels, "levels", close_levels);
}

/* As with `run`, the caller answers for the sizes. */
PyObject *next_levels(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *capsule, *rate_capsule;
    Py_ssize_t rows, columns, rows_below;
    Py_buffer latents, symbols, below;
    if (!PyArg_ParseTuple(args, "OOnnw*w*z*n", &capsule, &rate_capsule, &rows, &columns, &latents, &symbols, &below, &rows_below))
        return NULL;
    struct lic_levels *levels = PyCapsule_GetPointer(capsule, "levels");
    const struct lic_rate *rate = levels ? PyCapsule_GetPointer(rate_capsule, "rate") : NULL;
    enum lic_result result = LIC_BAD_ARGUMENT;
    if (rate) {
        size_t size = lic_workspace_size(&rate->tables, &rate->contexts, (size_t)rows, (size_t)columns);
        struct lic_chunk chunk = {(size_t)rows, (size_t)columns, size ? malloc(size) : NULL};
        if (size) result = LIC_NO_MEMORY;
        Py_BEGIN_ALLOW_THREADS
        if (chunk.workspace)
            result = lic_levels_next(levels, &chunk, latents.buf, symbols.buf, below.buf, (size_t)rows_below);
        Py_END_ALLOW_THREADS
        free(chunk.workspace);
    }
    PyBuffer_Release(&latents);
    PyBuffer_Release(&symbols);
    if (below.obj) PyBuffer_Release(&below);
    if (!rate) return NULL;
    return result ? failed(result, CONTRADICTION) : Py_NewRef(Py_None);
}
