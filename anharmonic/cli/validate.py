def validate():
    """todo"""
