def info():
    """todo"""
