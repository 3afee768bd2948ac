/* Functions of the Python module that network_module.c has. */

#ifndef LIC_NETWORK_MODULE_H
#define LIC_NETWORK_MODULE_H

PyObject *failed(enum lic_result, const char *reason); /* of module.c: sets the error */
PyObject *open_network(PyObject *, PyObject *);
PyObject *open_team(PyObject *, PyObject *);
PyObject *work(PyObject *, PyObject *);
PyObject *begin(PyObject *, PyObject *);
PyObject *has_kernels(PyObject *, PyObject *);
PyObject *end(PyObject *, PyObject *);
PyObject *open_stream(PyObject *, PyObject *);
PyObject *run(PyObject *, PyObject *);
PyObject *rows(PyObject *, PyObject *);
PyObject *open_levels(PyObject *, PyObject *);
PyObject *next_levels(PyObject *, PyObject *);

#endif
