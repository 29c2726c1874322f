"""What a call raises, as one text, for tables of mistakes."""


def error_of(call, *arguments, **options):
    """Return the type and the message of what a call raises, notes included; nothing where it raises nothing."""
    try:
        call(*arguments, **options)
    except Exception as error:
        return f"{type(error).__name__}: " + "\n".join([str(error), *getattr(error, "__notes__", ())])
    return ""
