/* The script in a C extension module: the table comes from the capsule, so it works with every version that has the functions.
 *
 * $ export INCLUDE=$(python -c 'import sysconfig; print(sysconfig.get_path("include"))')
 * $ cc -O2 -Wall -Wextra -shared -fPIC -I"$INCLUDE" $(buddycap embed --cflags) play.c -o play.so
 * $ python -c 'import play; play.main()' */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "buddycap.h"

enum { STEPS = 20000, ROOM = 1024 };

static const bc_api *bc;

/* Allocate and free blocks as the zone's own random numbers say. */
static void loop(bc_zone *zone, long steps) {
    int64_t pfn[ROOM];
    int order[ROOM];
    long held = 0;
    while (steps--) {
        uint64_t r;
        bc->random(zone, &r);
        if (held == 0 || ((r & 1) && held < ROOM)) {
            order[held] = (int) ((r >> 1) % 5);
            pfn[held] = bc->alloc(zone, order[held], (int) ((r >> 8) % 3), NULL);
            held += pfn[held] >= 0;
        } else {
            long k = (long) ((r >> 1) % (uint64_t) held);
            bc->free(zone, pfn[k], order[k], NULL);
            held--;
            pfn[k] = pfn[held];
            order[k] = order[held];
        }
    }
}

/* play(zone, steps=20000): keeps the GIL, so no other thread is at the zone. */
static PyObject *play(PyObject *self, PyObject *args) {
    PyObject *object, *capsule;
    bc_zone *zone;
    long steps = STEPS;
    (void) self;
    if (!PyArg_ParseTuple(args, "O|l", &object, &steps)) return NULL;
    capsule = PyObject_GetAttrString(object, "capsule");
    if (capsule == NULL) return NULL;
    zone = (bc_zone *) PyCapsule_GetPointer(capsule, "buddycap.zone");
    if (zone != NULL && steps > 0) loop(zone, steps);
    Py_DECREF(capsule);
    if (zone == NULL) return NULL;
    Py_RETURN_NONE;
}

static PyObject *run_main(PyObject *self, PyObject *none) {
    (void) none;
    (void) self;
    if (PyRun_SimpleString("import play; from buddycap import Zone\n"
                           "zone = Zone(0, 16384, seed=2008, kernel='2.6.27'); play.play(zone); print(zone.digest())"))
        return PyErr_Format(PyExc_RuntimeError, "see above");
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"play", play, METH_VARARGS, "Play the script on a zone."},
    {"main", run_main, METH_NOARGS, "Play it and print the digest."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "play", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_play(void) {
    bc = buddycap_import();
    return bc == NULL ? NULL : PyModule_Create(&module);
}
