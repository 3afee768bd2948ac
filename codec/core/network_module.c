/* The Python face of the second half of core.h: networks, threads and streams, as capsules. codec/core/network.py keeps
   what they refer to alive. */

#include <patchlevel.h>
#if PY_VERSION_HEX >= 0x030B0000
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core.h"
#include "kernels.h"
#include "network_module.h"

static void close_network(PyObject *capsule) { lic_network_close(PyCapsule_GetPointer(capsule, "network")); }
static void close_team(PyObject *capsule) { lic_team_close(PyCapsule_GetPointer(capsule, "team")); }
static void close_stream(PyObject *capsule) { lic_stream_close(PyCapsule_GetPointer(capsule, "stream")); }

static PyObject *failed(enum lic_result result) {
    if (result == LIC_NO_MEMORY) return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "sizes, tensors or settings of a network do not belong together");
    return NULL;
}

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
    return result ? failed(result) : PyCapsule_New(network, "network", close_network);
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
    if (thread < 1 || (size_t)thread >= lic_team_size(team)) return failed(LIC_BAD_ARGUMENT);
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

/* Values of each channel from a buffer, or NULL from None. */
static const float *of_channels(const Py_buffer *buffer) { return buffer->obj ? buffer->buf : NULL; }

PyObject *open_stream(PyObject *self, PyObject *args) {
    (void)self;
    int task;
    PyObject *network_capsule, *team_capsule;
    const char *kernels_name;
    struct lic_picture p;
    Py_ssize_t width, height, left, top, right, bottom, reduce, channels;
    Py_buffer b[5];
    float share;
    int quick;
    if (!PyArg_ParseTuple(args, "iOOz(nn)(nnnn)nnz*z*z*z*fz*p", &task, &network_capsule, &team_capsule, &kernels_name,
                          &width, &height, &left, &top, &right, &bottom, &reduce, &channels, &b[0], &b[1], &b[2], &b[3],
                          &share, &b[4], &quick))
        return NULL;
    p = (struct lic_picture){width, height, left, top, right, bottom, reduce};
    const struct lic_network *network = PyCapsule_GetPointer(network_capsule, "network");
    struct lic_team *team = network ? PyCapsule_GetPointer(team_capsule, "team") : NULL;
    struct lic_stream *stream = NULL;
    PyObject *opened = NULL;
    if (team) {
        int fits = task >= LIC_DECODE && task <= LIC_FILTER && lic_network_channels(network) == (size_t)channels;
        for (int i = 0; i < 4; i++) fits = fits && (!b[i].obj || b[i].len == channels * 4);
        fits = fits && (!b[4].obj || b[4].len == FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS * 2);
        const struct lic_kernels *kernels = lic_kernels_named(kernels_name);
        struct lic_point point = {of_channels(&b[0]), of_channels(&b[1]), of_channels(&b[2]), of_channels(&b[3]), share,
                                  b[4].obj ? b[4].buf : NULL, quick};
        enum lic_result result = LIC_BAD_ARGUMENT;
        if (fits && kernels) result = lic_stream_open((enum lic_task)task, network, team, kernels, &p, &point, &stream);
        opened = result ? failed(result) : PyCapsule_New(stream, "stream", close_stream);
    }
    for (int i = 0; i < 5; i++)
        if (b[i].obj) PyBuffer_Release(&b[i]);
    return opened;
}

/* The caller, codec/core/network.py, answers for the sizes of the arrays. */
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
