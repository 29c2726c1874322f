/*
 * y: a function and its gradient by theta, written by scalar-autograd 0.2.0.
 *
 *     theta     3 parameters: 0 w, 1 x, 2 b
 *     x         0 inputs
 *     gradient  NULL, or room for y_gradient numbers: the derivatives by theta
 *     work      room for y_work numbers, whose content does not matter
 *
 * Where the function is not defined it returns nan or an infinity. To call it, save this beside it as
 * main.c, and compile with: cc -std=c99 main.c -lm
 *
 *     #include <stdio.h>
 *     #include "y.c"
 *     int main(void) {
 *         static double theta[y_parameters + 1] = {0.5, 2.0, -0.5}, x[y_inputs + 1] = {0};
 *         static double gradient[y_gradient + 1], work[y_work];
 *         printf("value %.17g\n", y(theta, x, gradient, work));
 *         for (int i = 0; i < y_gradient; i++)
 *             printf("gradient[%d] %.17g\n", i, gradient[i]);
 *         return 0;
 *     }
 */
#include <math.h>

enum { y_parameters = 3, y_inputs = 0, y_gradient = 3, y_work = 17 };

static double y_sech2(double x) {
    double e = exp(-fabs(x)), y = 2.0 * e / (1.0 + e * e);
    return y * y;
}

double y(const double *theta, const double *x, double *gradient, double *work) {
    double *v = work;
    for (int i = 0; i < 3; i++) v[i] = theta[i];
    (void)x;
    v[3] = v[0] * v[1];
    v[4] = v[3] + v[2];
    v[5] = tanh(v[4]);
    if (gradient) {
        v[16] = 1.0;
        v[13] = v[16];
        v[12] = v[13] * y_sech2(v[4]);
        v[10] = v[12];
        v[8] = v[12] * v[1];
        v[9] = v[12] * v[0];
        for (int i = 0; i < 3; i++) gradient[i] = v[8 + i];
    }
    return v[5];
}
