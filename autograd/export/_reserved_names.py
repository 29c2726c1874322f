"""Reserved identifiers of C and JavaScript: what no function that is written there may be called.

In C these are the keywords, all that the library declares, since a function of such a name would take its place, and
what the example in a file calls its variables. In JavaScript a function has a name only outside of its own text, so
these are the keywords, the globals, and its parameters.
"""

from __future__ import annotations

import re


def _words(text: str) -> set[str]:
    return set(text.split())


_KEYWORDS_OF_C = _words("""
auto bool break case char const continue default do double else enum extern false float for goto if inline int
long register restrict return short signed sizeof static struct switch true typedef typeof union unsigned void
volatile while alignas alignof asm complex constexpr imaginary noreturn nullptr
""")
_OF_THE_EXAMPLE = {"main", "theta", "x", "values", "gradient", "jacobian", "work", "row", "v"}
# Those of <math.h>: in the standard, and what libraries have beside it. Most have variants for other types.
_MATHEMATICS = _words("""
acos acosh acospi asin asinh asinpi atan atan2 atan2pi atanh atanpi canonicalize cbrt ceil compoundn copysign
cos cosh cospi dadd ddiv dfma dmul double_t drem dsqrt dsub erf erfc exp exp10 exp10m1 exp2 exp2m1 expm1 fabs
fadd fdim fdiv ffma finite float_t floor fma fmax fmaximum fmaximum_mag fmaximum_mag_num fmaximum_num fmin
fminimum fminimum_mag fminimum_mag_num fminimum_num fmod fmul fpclassify frexp fromfp fromfpx fsqrt fsub gamma
hypot ilogb isfinite isgreater isgreaterequal isinf isless islessequal islessgreater isnan isnormal isunordered
iscanonical iseqsig issignaling issubnormal iszero j0 j1 jn ldexp lgamma llogb llrint llround log log10 log10p1
log1p log2 log2p1 logb logp1 lrint lround math_errhandling matherr modf nan nearbyint nextafter nextdown
nexttoward nextup pow pow10 pown powr remainder remquo rint rootn round roundeven rsqrt scalb scalbln scalbn
signbit signgam significand sin sincos sinh sinpi sqrt tan tanh tanpi tgamma trunc totalmag totalorder ufromfp
ufromfpx y0 y1 yn setpayload setpayloadsig getpayload cabs cacos cacosh carg casin casinh catan catanh ccos
ccosh cexp cimag clog clog10 conj cpow cproj creal csin csinh csqrt ctan ctanh HUGE_VAL INFINITY NAN NULL EOF
BUFSIZ FILE SNAN
""")
_LIBRARY = _words("""
clearerr ctermid dprintf fclose fdopen feof ferror fflush fgetc fgetpos fgets fileno flockfile fmemopen fopen
fpos_t fprintf fputc fputs fread freopen fscanf fseek fseeko fsetpos ftell ftello ftrylockfile funlockfile
fwrite getc getchar getdelim getline gets getw off_t open_memstream pclose perror popen printf putc putchar puts
putw remove rename renameat rewind scanf setbuf setbuffer setlinebuf setvbuf size_t snprintf sprintf ssize_t
sscanf stderr stdin stdout tempnam tmpfile tmpnam ungetc va_list vdprintf vfprintf vfscanf vprintf vscanf
vsnprintf vsprintf vsscanf cuserid fcloseall fopencookie asprintf vasprintf obstack_printf obstack_vprintf
renameat2 off64_t fpos64_t fgetpos64 fopen64 freopen64 fseeko64 fsetpos64 ftello64 tmpfile64 abort abs alloca
assert atexit atof atoi atol atoll at_quick_exit aligned_alloc bcmp bcopy bsearch bzero calloc div exit execl
execle execlp execv execve execvp ffs fork free getenv gettext dgettext dcgettext index labs ldiv llabs lldiv
malloc mblen mbstowcs mbtowc posix_memalign qsort quick_exit rand realloc rindex srand strfmon system wcstombs
wctomb strtod strtof strtold strtol strtoll strtoul strtoull strtoimax strtoumax imaxabs imaxdiv memchr memcmp
memcpy memmove mempcpy memset stpcpy stpncpy strcasecmp strcat strchr strcmp strcoll strcpy strcspn strdup
strerror strlen strncasecmp strncat strncmp strncpy strndup strnlen strpbrk strrchr strspn strstr strtok strxfrm
isalnum isalpha isascii isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit toascii
tolower toupper iswalnum iswalpha iswblank iswcntrl iswdigit iswgraph iswlower iswprint iswpunct iswspace
iswupper iswxdigit towlower towupper asctime clock ctime difftime gmtime localtime mktime strftime time
timespec_get errno localeconv longjmp raise setjmp setlocale signal feclearexcept fegetenv fegetexceptflag
fegetround feholdexcept feraiseexcept fesetenv fesetexceptflag fesetround fetestexcept feupdateenv linux unix
""")
_TAKEN_IN_C = {*_KEYWORDS_OF_C, *_OF_THE_EXAMPLE, *_MATHEMATICS, *_LIBRARY}
_VARIANT = re.compile(r"(?i:f|l|d|f16|f32|f64|f128|f32x|f64x|f128x|d32|d64|d128)?(_r|_unlocked)?")
_FAMILIES = re.compile(r"(M|FP|SEEK|L|P|TMP|FOPEN|FILENAME|MATH|RENAME|cookie)_\w+")  # of macros and types

_KEYWORDS_OF_JAVASCRIPT = _words("""
arguments async await break case catch class const continue debugger default delete do else enum eval export
extends false finally for function if implements import in instanceof interface let new null package private
protected public return static super switch this throw true try typeof undefined var void while with yield
""")
_GLOBALS_OF_JAVASCRIPT = _words("""
AggregateError Array ArrayBuffer AsyncDisposableStack AsyncIterator Atomics BigInt BigInt64Array BigUint64Array
Boolean DataView Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array
Float64Array Function Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object
Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol
SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet
WebAssembly console decodeURI decodeURIComponent document encodeURI encodeURIComponent escape globalThis
isFinite isNaN location parseFloat parseInt top unescape window
""")
_TAKEN_IN_JAVASCRIPT = {*_KEYWORDS_OF_JAVASCRIPT, *_GLOBALS_OF_JAVASCRIPT, "theta", "x", "values", "gradient", "fn"}


def is_free_in_c(name: str) -> bool:
    """Whether a function of C may have this name.

    >>> [name for name in ("loss", "isnan", "abs", "sinf", "lgamma_r", "double", "2f") if is_free_in_c(name)]
    ['loss']
    """
    if not _is_word(name) or name in _TAKEN_IN_C or _FAMILIES.fullmatch(name):
        return False
    return not any(
        name.startswith(known) and _VARIANT.fullmatch(name, len(known)) for known in (*_MATHEMATICS, *_LIBRARY)
    )


def is_free_in_javascript(name: str) -> bool:
    """Whether a function of JavaScript may have this name.

    >>> [name for name in ("loss", "logsumexp", "Math", "let", "fn", "2f") if is_free_in_javascript(name)]
    ['loss', 'logsumexp']
    """
    return _is_word(name) and name not in _TAKEN_IN_JAVASCRIPT


def _is_word(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is not None
