"""Models of the field, one package each, as compositions of the toolkit's parts; `README.md` says how one joins.

Imported at the first look-up of a model, task, weight format or hub model. A folder that is a package is a project: there is
no list to add it to.
"""

from importlib import import_module
from pkgutil import iter_modules

for _project in iter_modules(__path__, f'{__name__}.'):
    if _project.ispkg:
        import_module(_project.name)
