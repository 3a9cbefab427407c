"""Starting and keeping alive the whole product on one machine, by `make run`.

Knows processes, files and signals; never imports Django or any room of the product.
"""
