from setuptools import find_packages, setup

setup(name='mmcl_ext', version='0.1.0', packages=find_packages(include=['mmcl_ext', 'mmcl_ext.*']))
